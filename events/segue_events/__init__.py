"""Events: kept in a durable journal, published from any thread, delivered to subscribers once they are committed."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from segue_events.clock import Clock as Clock
from segue_events.clock import SystemClock as SystemClock
from segue_events.errors import BusClosed as BusClosed
from segue_events.errors import CursorError as CursorError
from segue_events.errors import CursorReset as CursorReset
from segue_events.errors import EventsError as EventsError
from segue_events.errors import JournalCorrupt as JournalCorrupt
from segue_events.errors import JournalError as JournalError
from segue_events.errors import JournalFull as JournalFull
from segue_events.errors import JournalLocked as JournalLocked
from segue_events.errors import JournalTooNew as JournalTooNew
from segue_events.errors import JournalUnwritable as JournalUnwritable
from segue_events.errors import PayloadError as PayloadError
from segue_events.errors import StreamError as StreamError
from segue_events.event import Event as Event
from segue_events.event import encode_payload as encode_payload
from segue_events.event import to_cloudevent as to_cloudevent
from segue_events.ids import new_id as new_id
from segue_events.ids import pack_id as pack_id
from segue_events.ids import unpack_id as unpack_id

if TYPE_CHECKING:
    from segue_events.bus import Bus as Bus
    from segue_events.bus import BusStatistics as BusStatistics
    from segue_events.filter import Filter as Filter
    from segue_events.journal import Cursor as Cursor
    from segue_events.journal import Journal as Journal
    from segue_events.journal import Projection as Projection
    from segue_events.journal import Write as Write
    from segue_events.journal.memory import MemoryJournal as MemoryJournal
    from segue_events.journal.sqlite import JournalStatistics as JournalStatistics
    from segue_events.journal.sqlite import SqliteJournal as SqliteJournal
    from segue_events.subscription import Subscription as Subscription
    from segue_events.subscription import SubscriptionStatistics as SubscriptionStatistics

# What keeps events and carries them takes anyio, aiosqlite and SQLite; who only makes events does without.
_HOMES = {
    "Bus": "bus",
    "BusStatistics": "bus",
    "Cursor": "journal",
    "Filter": "filter",
    "Journal": "journal",
    "JournalStatistics": "journal.sqlite",
    "MemoryJournal": "journal.memory",
    "Projection": "journal",
    "SqliteJournal": "journal.sqlite",
    "Subscription": "subscription",
    "SubscriptionStatistics": "subscription",
    "Write": "journal",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'segue_events' has no attribute {name!r}.")
    value = globals()[name] = getattr(import_module(f"segue_events.{home}"), name)
    return value


__all__ = (
    "Bus",
    "BusClosed",
    "BusStatistics",
    "Clock",
    "Cursor",
    "CursorError",
    "CursorReset",
    "Event",
    "EventsError",
    "Filter",
    "Journal",
    "JournalCorrupt",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "JournalStatistics",
    "JournalTooNew",
    "JournalUnwritable",
    "MemoryJournal",
    "PayloadError",
    "Projection",
    "SqliteJournal",
    "StreamError",
    "Subscription",
    "SubscriptionStatistics",
    "SystemClock",
    "Write",
    "encode_payload",
    "new_id",
    "pack_id",
    "to_cloudevent",
    "unpack_id",
)
