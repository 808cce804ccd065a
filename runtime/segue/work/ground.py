"""Ground: what all parts of a LocalWork stand on: the journal and its bus, the clock, the lock, and what is read."""

import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import anyio

from segue.exceptions import InvalidWork
from segue.store import Store
from segue.work.lock import WorkLock
from segue.work.store import WorkStore
from segue_events import Bus, Clock, Event, Filter, PayloadError, Subscription
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("Ground",)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ground:
    """The shared parts, and the ways in which they are used together."""

    journal: SqliteJournal
    bus: Bus
    clock: Clock
    random: Random
    lock: WorkLock
    store: WorkStore
    records: Store

    async def commit(self, events: Sequence[Event]) -> None:
        """Publish the events and wait until they are durable.

        Raises InvalidWork for what no event can hold, JournalError where nothing can be written.
        """
        if not events:
            return
        if self.bus.failure is not None:
            raise self.bus.failure
        try:
            self.bus.publish_many(events)
        except PayloadError as error:
            raise InvalidWork(str(error)) from None
        await self.bus.flushed()

    async def until_found(
        self,
        look: Callable[[], Awaitable[T | None]],
        wait: float,
        kinds: tuple[str, ...],
        ready: Callable[[], Awaitable[int | None]],
    ) -> T | None:
        """Return what `look` finds, which is asked again when there is news of these kinds, for up to `wait` seconds.

        `ready` says when time alone will bring something (µs since the epoch); None where it will not.
        """
        if wait <= 0:
            return await look()
        end = self.clock.monotonic() + wait
        # Before the first look, so that nothing is missed in between.
        async with self.bus.subscribe(Filter(kinds=kinds)) as news:
            while True:
                found = await look()
                left = end - self.clock.monotonic()
                if found is not None or left <= 0:
                    return found
                at = await ready()
                until = math.inf if at is None else (at - self.clock.now_us()) / 1e6
                await self._news(news, max(0.0, min(left, until)))

    async def _news(self, news: Subscription, seconds: float) -> None:
        """Wait for news, so many seconds at most."""

        async def hear() -> None:
            with suppress(StopAsyncIteration):  # the bus has ended: whoever waits is about to be told
                await anext(news)
                news.waiting()
                waiting.cancel_scope.cancel()

        async with anyio.create_task_group() as waiting:
            waiting.start_soon(hear)
            await self.clock.sleep(seconds)
            waiting.cancel_scope.cancel()
