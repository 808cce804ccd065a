"""FailingJournal: a journal that fails when a test says so."""

import asyncio
from collections.abc import Sequence
from typing import Self

from segue_events.errors import JournalFull
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.journal import Cursor, Journal

__all__ = ("FailingJournal",)


class FailingJournal:
    """Passes everything on to a journal, except while it is told to fail or to hold still.

    `failing` is raised by each append while it is set. `appends` counts the attempts, `batches` keeps the size of each
    that succeeded.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._gate = asyncio.Event()
        self._gate.set()
        self._reached = asyncio.Event()
        self.failing: Exception | None = None
        self.appends = 0
        self.batches: list[int] = []

    def fail(self, error: Exception | None = None) -> None:
        """Fail from now on, with this error or as a full disk does."""
        self.failing = error or JournalFull("There is no room for the journal; a test says so.")

    def heal(self) -> None:
        """Fail no more."""
        self.failing = None

    def hold(self) -> None:
        """Let each append wait from now on."""
        self._reached.clear()
        self._gate.clear()

    async def held(self) -> None:
        """Wait until an append waits."""
        await self._reached.wait()

    def release(self) -> None:
        """Let appends go on."""
        self._gate.set()

    @property
    def busy(self) -> bool:
        """Whether something asked of the journal is not done yet."""
        return self._journal.busy

    async def open(self) -> None:
        """Open the journal."""
        await self._journal.open()

    async def close(self) -> None:
        """Close the journal."""
        await self._journal.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def append(self, events: Sequence[Event], payloads: Sequence[bytes] | None = None) -> int:
        """Append, or raise `failing`."""
        self.appends += 1
        if not self._gate.is_set():
            self._reached.set()
            await self._gate.wait()
        if self.failing is not None:
            raise self.failing
        head = await self._journal.append(events, payloads)
        self.batches.append(len(events))
        return head

    async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
        """Read from the journal."""
        return await self._journal.read(after, filter, limit)

    async def head(self) -> Cursor:
        """Return the journal's head."""
        return await self._journal.head()

    async def check_cursor(self, cursor: Cursor) -> None:
        """Check the cursor with the journal."""
        await self._journal.check_cursor(cursor)

    async def changed(self) -> bool:
        """Ask the journal."""
        return await self._journal.changed()
