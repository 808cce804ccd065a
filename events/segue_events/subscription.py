"""Subscription: one subscriber's bounded mailbox, and its way back to the journal when that overflows."""

import asyncio
from collections import deque
from typing import NamedTuple, Protocol, Self

import msgspec

from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.journal import Cursor, Journal

__all__ = ("Hub", "Subscription", "SubscriptionStatistics")

# Events of one read from the journal.
_PAGE = 1000


class SubscriptionStatistics(NamedTuple):
    """How many events were handed out; how many wait, of how many that may; how often the mailbox overflowed.

    `behind` says that the subscription reads from the journal at present.
    """

    delivered: int
    held: int
    limit: int
    overflows: int
    behind: bool


class Hub(Protocol):
    """Where a subscription is fed from: a bus."""

    @property
    def position(self) -> Cursor:
        """The cursor after the last event that was offered."""
        ...

    async def join(self, subscription: "Subscription") -> None:
        """Offer events to the subscription from now on."""
        ...

    def leave(self, subscription: "Subscription") -> None:
        """Offer it no more."""
        ...


class Subscription:
    """An asynchronous iterator over batches of events: in order of `seq`, without a gap, none twice.

    It belongs to the bus's loop and to one consumer. Events of this process are the published objects themselves,
    and other subscribers are given the same batches: they are to be read only.

    A mailbox that holds more than `limit` events takes no more: the subscription then reads from the journal until it
    has caught up. So a slow subscriber holds up nobody and loses nothing. Iterating raises CursorReset if retention
    deleted what it has not read, JournalError if the journal cannot be read. It ends when the bus does;
    `cursor` says where to go on.
    """

    def __init__(
        self, hub: Hub, journal: Journal, filter: Filter | None, after: Cursor | None, limit: int = 1000
    ) -> None:
        self.filter = filter
        self._hub = hub
        self._journal = journal
        self._after = after
        self._limit = limit
        self._mailbox: deque[tuple[list[Event], int]] = deque()
        self._held = 0
        self._seq = 0
        self._offered = 0
        self._live = False
        self._closed = False
        self._news = asyncio.Event()
        self._delivered = 0
        self._overflows = 0

    @property
    def cursor(self) -> Cursor:
        """The cursor after what was handed out; the one to resume from."""
        return msgspec.structs.replace(self._hub.position, seq=self._seq)

    def statistics(self) -> SubscriptionStatistics:
        """The counters, now."""
        return SubscriptionStatistics(self._delivered, self._held, self._limit, self._overflows, not self._live)

    async def __aenter__(self) -> Self:
        after = self._after
        if after is not None:
            await self._journal.check_cursor(after)
        await self._hub.join(self)
        # No event can be offered between these lines: this is the bus's loop.
        self._seq = self._offered = self._hub.position.seq
        if after is not None and after.seq != self._seq:
            self._seq = after.seq
        else:
            self._live = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._hub.leave(self)
        self.end()

    def offer(self, events: list[Event], through: int) -> None:
        """Take events into the mailbox: those wanted, of all up to the seq `through`. For the bus."""
        if not self._live or through <= self._offered:
            return
        if events and events[0].seq <= self._offered:
            events = [event for event in events if event.seq > self._offered]
        if not events:
            self._offered = through
            if not self._mailbox:
                self._seq = through
        elif self._mailbox and self._held + len(events) > self._limit:
            self._live = False
            self._overflows += 1
        else:
            self._offered = through
            self._mailbox.append((events, through))
            self._held += len(events)
            self._news.set()

    def fall_behind(self) -> None:
        """Read from the journal what comes next. For the bus."""
        self._live = False
        self._news.set()

    def end(self) -> None:
        """Let the iteration end after what the mailbox holds. For the bus."""
        self._closed = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        while not self._mailbox:
            if self._closed:
                raise StopAsyncIteration
            if self._live:
                self._news.clear()
                await self._news.wait()
            elif page := await self._read_on():
                self._delivered += len(page)
                return page
        events, self._seq = self._mailbox.popleft()
        self._held -= len(events)
        self._delivered += len(events)
        return events

    def waiting(self) -> list[Event]:
        """Take all that waits in the mailbox, as one batch, which may be empty; for who sends many at a time."""
        taken: list[Event] = []
        while self._mailbox:
            events, self._seq = self._mailbox.popleft()
            taken += events
        self._held -= len(taken)
        self._delivered += len(taken)
        return taken

    async def _read_on(self) -> list[Event]:
        """Read the next events; be live again once there are no more."""
        offered = self._hub.position.seq
        page = await self._journal.read(self._seq, self.filter, _PAGE)
        # Only now, since retention may have gone past the cursor before the page was read.
        await self._journal.check_cursor(self.cursor)
        if page:
            self._seq = page[-1].seq
        if len(page) < _PAGE:
            # All that had been offered before the read was in the file by then, so it has been looked at.
            self._seq = max(self._seq, offered)
            self._offered = self._seq
            self._live = self._hub.position.seq <= self._seq
        return page
