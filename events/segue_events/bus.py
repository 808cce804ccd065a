"""Bus: takes events from any thread, commits them in batches, and then tells the subscribers."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import NamedTuple, Self

import anyio

from segue_events.backoff import exponential
from segue_events.clock import Clock, SystemClock
from segue_events.errors import BusClosed, JournalError
from segue_events.event import Event, seal
from segue_events.fanout import Fanout
from segue_events.filter import Filter
from segue_events.journal import Cursor, Journal
from segue_events.subscription import Subscription

__all__ = ("Bus", "BusStatistics")

_LOGGER = logging.getLogger("segue_events.bus")

# A batch takes no more events once their payloads are so long together.
_BATCH_BYTES = 8 * 1024 * 1024


class BusStatistics(NamedTuple):
    """Events committed and waiting, commits and failed attempts so far, and the subscriptions of now."""

    committed: int
    backlog: int
    commits: int
    failures: int
    subscriptions: int


class Bus:
    """The way of an event: published, committed, delivered.

    `async with` runs the writer in the present loop; leaving commits what is queued, and raises JournalError if that
    cannot be done. `publish` and `flush` may be called from any thread, all else in that loop.

    The writer takes up to `batch` events at a time, and begins no two commits within `linger` seconds unless somebody
    waits for one. A commit that fails keeps its events and is tried again, with growing delays by `clock`. What other
    processes commit is looked for at most once in `glance` seconds.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock | None = None,
        *,
        batch: int = 2048,
        linger: float = 0.001,
        glance: float = 0.005,
    ) -> None:
        self._journal = journal
        self._clock = clock or SystemClock()
        self._batch = batch
        self._linger = linger
        self._queue: deque[tuple[Event, bytes]] = deque()
        self._flushes: deque[Future[int]] = deque()
        self._waiting: deque[tuple[int, Future[int]]] = deque()
        self._in_flight = 0
        self._committed = 0
        self._commits = 0
        self._failures = 0
        self._failure: JournalError | None = None
        self._head = 0
        # Who is to be woken, by what: an idle writer by an event, a lingering one by a flush only.
        self._idle = False
        self._lingering = False
        self._closing = False
        self._ended = False
        self._done = False
        self._last_commit = 0.0
        self._retry: asyncio.Future[None] | None = None
        self._news = asyncio.Event()
        self._fanout = Fanout(journal, glance)

    # --- for any thread ---

    def publish(self, event: Event) -> None:
        """Queue the event to be committed; it is durable once a later `flush` is done.

        Fills in `id` and `occurred` where they are empty. Raises PayloadError for an event that cannot be kept,
        BusClosed once the bus has ended.
        """
        if self._closing:
            raise BusClosed(event.kind)
        payload = seal(event)
        if not event.occurred:
            event.occurred = self._clock.now_us()
        self._queue.append((event, payload))
        if self._idle:
            self._wake()
        if self._ended:
            raise BusClosed(event.kind)

    def publish_many(self, events: Iterable[Event]) -> None:
        """Queue events, all of them or, if one cannot be kept, none."""
        sealed = [(event, seal(event)) for event in events]
        if not sealed:
            return
        if self._closing:
            raise BusClosed(sealed[0][0].kind)
        now = self._clock.now_us()
        for event, _ in sealed:
            event.occurred = event.occurred or now
        self._queue.extend(sealed)
        if self._idle:
            self._wake()
        if self._ended:
            raise BusClosed(sealed[0][0].kind)

    @property
    def backlog(self) -> int:
        """How many events are taken but not yet committed."""
        return len(self._queue) + self._in_flight

    @property
    def failure(self) -> JournalError | None:
        """Why the last commit failed; None when it did not."""
        return self._failure

    @property
    def busy(self) -> bool:
        """Whether something is yet to be committed or delivered."""
        return bool(self._queue or self._in_flight or self._flushes or self._fanout.busy)

    def flush(self) -> Future[int]:
        """Return a future that is done, with the journal's head, when all that was published before is committed.

        It carries a JournalError, at once, while the journal cannot commit.
        """
        future: Future[int] = Future()
        if self._failure is not None:
            future.set_exception(self._failure)
            return future
        if not self.backlog:
            future.set_result(self._head)
            return future
        self._flushes.append(future)
        if self._idle or self._lingering:
            self._wake()
        if self._done:
            self._answer()
        return future

    async def flushed(self) -> None:
        """Wait until all that was published before is committed; raises the JournalError if it cannot be."""
        await asyncio.wrap_future(self.flush())

    def statistics(self) -> BusStatistics:
        """The counters, now."""
        return BusStatistics(self._committed, self.backlog, self._commits, self._failures, len(self._fanout))

    def _wake(self) -> None:
        self._idle = False
        # The loop is closed if the bus has ended meanwhile; `publish` and `flush` then see that themselves.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._news.set)

    # --- in its loop ---

    def subscribe(self, filter: Filter | None = None, after: Cursor | None = None, limit: int = 1000) -> Subscription:
        """Return a subscription, to be entered by `async with`: entering raises CursorReset if `after` is not valid.

        It begins after the cursor `after`, or with what is committed from now on. `limit` bounds the events that wait
        in its mailbox.
        """
        return Subscription(self._fanout, self._journal, filter, after, limit)

    @property
    def position(self) -> Cursor:
        """The cursor after the last event that subscribers were offered."""
        return self._fanout.position

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._head = await self._fanout.begin()
        self._writer = asyncio.create_task(self._write(), name="bus-writer")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        if self._retry is not None:
            self._retry.cancel()
        self._news.set()
        with anyio.CancelScope(shield=True):
            try:
                await self._writer
            finally:
                self._fanout.end()

    async def _write(self) -> None:
        try:
            while not await self._is_over():
                await self._pause()
                await self._commit()
        except BaseException as error:
            # Nobody may be told that what was not written is durable.
            self._failure = self._failure or JournalError(f"The bus was stopped before it had written all: {error!r}.")
            raise
        finally:
            self._ended = self._done = True
            self._answer()

    async def _is_over(self) -> bool:
        """Wait for something to do; return whether there never will be."""
        while not (self._queue or self._flushes):
            self._ended = self._closing
            # In this order: who publishes looks at `_idle` and `_ended` only after the queue has the event.
            self._news.clear()
            self._idle = True
            if not (self._queue or self._flushes):
                if self._ended:
                    return True
                await self._news.wait()
            self._idle = False
        self._idle = False
        return False

    async def _pause(self) -> None:
        """Let a batch grow, unless a commit is asked for or long past."""
        left = self._last_commit + self._linger - self._loop.time()
        if left > 0 and len(self._queue) < self._batch and not self._closing:
            self._news.clear()
            self._lingering = True
            if not self._flushes:
                timer = self._loop.call_later(left, self._news.set)
                await self._news.wait()
                timer.cancel()
            self._lingering = False

    async def _commit(self) -> None:
        """Commit what is queued, up to a batch, and deliver it."""
        while self._flushes:
            future = self._flushes.popleft()
            if future.set_running_or_notify_cancel():
                self._waiting.append((self._committed + len(self._queue), future))
        events, payloads = self._take()
        self._last_commit = self._loop.time()
        if events:
            await self._append(events, payloads)
            self._commits += 1
            self._committed += len(events)
            self._in_flight = 0
        delivered = self._fanout.deliver(events, self._head)
        self._answer()
        if not delivered:
            await self._fanout.deliver_through(events)

    def _take(self) -> tuple[list[Event], list[bytes]]:
        """Take the next batch out of the queue."""
        events: list[Event] = []
        payloads: list[bytes] = []
        size = 0
        # Counted before they leave the queue: another thread must not find the backlog empty in between.
        self._in_flight = min(len(self._queue), self._batch)
        while len(events) < self._in_flight and size < _BATCH_BYTES:
            event, payload = self._queue.popleft()
            events.append(event)
            payloads.append(payload)
            size += len(payload)
        self._in_flight = len(events)
        return events, payloads

    async def _append(self, events: list[Event], payloads: list[bytes]) -> None:
        """Append, again and again until it succeeds; raises only if it fails when the bus is closing."""
        delays = exponential(0.1, 2.0, 5.0, 0.2, random.random)
        while True:
            try:
                self._head = await self._journal.append(events, payloads)
            except Exception as error:
                failure = self._fail(error)
                if self._closing:
                    _LOGGER.error("The bus ends, and %d events that it could not write are lost.", self.backlog)
                    raise failure from error
                await self._wait_to_retry(next(delays))
            else:
                self._failure = None
                return

    def _fail(self, error: Exception) -> JournalError:
        """Tell of a failed commit all who wait for it."""
        known = isinstance(error, JournalError)
        failure = error if known else JournalError(f"The journal failed in an unforeseen way: {error!r}.")
        self._failure = failure
        self._failures += 1
        _LOGGER.error("%d events wait to be written. %s", self.backlog, failure, exc_info=not known)
        while self._waiting:
            self._waiting.popleft()[1].set_exception(failure)
        self._answer()
        return failure

    async def _wait_to_retry(self, seconds: float) -> None:
        self._retry = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            # Unlike awaiting it, this does not raise when closing cancels the sleep.
            await asyncio.wait([self._retry])
        finally:
            self._retry.cancel()
            self._retry = None

    def _answer(self) -> None:
        """Tell those who wait for what is committed by now; all of them when there will be no other commit."""
        while self._waiting and (self._done or self._waiting[0][0] <= self._committed):
            self._tell(self._waiting.popleft()[1])
        while self._flushes and (self._done or self._failure is not None):
            with suppress(IndexError):
                future = self._flushes.popleft()
                if future.set_running_or_notify_cancel():
                    self._tell(future)

    def _tell(self, future: Future[int]) -> None:
        if self._failure is not None:
            future.set_exception(self._failure)
        else:
            future.set_result(self._head)
