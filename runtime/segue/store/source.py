"""Source: what the store asks of an open journal."""

from collections.abc import Sequence
from typing import Any, Protocol

from segue_events import Event, Filter


class Source(Protocol):
    """An open journal whose tables RunProjection keeps, such as SqliteJournal."""

    async def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        ...

    async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
        """Return up to `limit` events after the seq `after`, in the order of the journal."""
        ...

    async def append(self, events: Sequence[Event]) -> int:
        """Commit the events; return the seq of the last one."""
        ...


async def event_at(source: Source, seq: int) -> Event | None:
    """Return the event with this seq, None when it has been deleted by retention."""
    found = await source.read(after=seq - 1, limit=1)
    return found[0] if found and found[0].seq == seq else None


async def events_at(source: Source, seqs: Sequence[int], filter: Filter) -> list[Event]:
    """Return the events with these ascending seqs, all of which the filter lets through; not those deleted since."""
    found: list[Event] = []
    wanted = set(seqs)
    left = list(seqs)
    while left:
        events = await source.read(after=left[0] - 1, filter=filter, limit=len(left))
        if not events:
            break
        found += [event for event in events if event.seq in wanted]
        left = [seq for seq in left if seq > events[-1].seq]
    return found
