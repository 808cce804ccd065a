"""The journal of tests and of runs that nobody will ask for: events in a list."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Self

import msgspec

from segue_events.clock import Clock, SystemClock
from segue_events.event import Event, decode_payload, seal
from segue_events.filter import Filter
from segue_events.ids import new_id
from segue_events.journal import Cursor, follow

__all__ = ("MemoryJournal",)


class MemoryJournal:
    """Keeps events as long as it lives; what is read are copies, as from a file."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._id = new_id()
        self._kept: list[tuple[Event, bytes]] = []
        self._seqs: dict[str, int] = {}

    @property
    def busy(self) -> bool:
        """Whether something is under way: never."""
        return False

    async def open(self) -> None:
        """Begin."""

    async def close(self) -> None:
        """End; the events stay."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def append(self, events: Sequence[Event], payloads: Sequence[bytes] | None = None) -> int:
        """Keep the events and set the `seq` of each; return the head's seq."""
        # As with a file, others get their turn meanwhile.
        await asyncio.sleep(0)
        for event, payload in zip(events, payloads or [seal(event) for event in events], strict=True):
            event.occurred = event.occurred or self._clock.now_us()
            known = self._seqs.get(event.id)
            event.seq = known or len(self._kept) + 1
            if known is None:
                self._seqs[event.id] = event.seq
                self._kept.append((msgspec.structs.replace(event, payload={}), payload))
        return len(self._kept)

    async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
        """Return the next events after the seq `after`, at most `limit` of them, in order."""
        following = islice(self._kept, max(after, 0), None)
        wanted = ((event, payload) for event, payload in following if filter is None or filter.matches(event))
        return [
            msgspec.structs.replace(event, payload=decode_payload(payload))
            for event, payload in islice(wanted, max(limit, 0))
        ]

    async def head(self) -> Cursor:
        """Return the cursor after the last event."""
        return Cursor(self._id, 1, len(self._kept))

    async def check_cursor(self, cursor: Cursor) -> None:
        """Raise CursorReset, with the reason, for a cursor of another journal or of the future."""
        follow(cursor, await self.head(), 0)

    async def changed(self) -> bool:
        """Return whether another process committed: there is none."""
        return False
