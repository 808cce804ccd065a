"""FakeClock: time that passes only when a test says so."""

import asyncio
import heapq
import itertools
import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ("FakeClock",)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_START = datetime(2030, 1, 1, tzinfo=UTC)

# Seconds between two looks at a journal that works in another thread, where no loop can see it.
_GLANCE = 0.0005


class Part(Protocol):
    """What works unseen by the loop: a journal, a bus."""

    @property
    def busy(self) -> bool:
        """Whether it has something to do."""
        ...


class FakeClock:
    """A clock that begins at `start` and is moved by `advance`.

    Coroutines that sleep on it are woken each at its own instant. Plain code that blocks on it lets the time pass
    by itself, since there is nobody who could do it for that code.
    """

    def __init__(self, start: datetime = _START) -> None:
        self._start = self._now = _microseconds(start)
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._parts: list[Part] = []

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return (self._now - self._start) / 1_000_000

    @property
    def sleepers(self) -> int:
        """How many coroutines sleep on this clock."""
        return sum(not future.done() for _, _, future in self._sleepers)

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        return _EPOCH + timedelta(microseconds=self._now)

    def now_us(self) -> int:
        """The present instant in µs since the epoch."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the start."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has let so many seconds pass."""
        await self._sleep_until(self._now + round(seconds * 1_000_000))

    async def sleep_until(self, instant: datetime) -> None:
        """Wait until the test has let the time come to this instant."""
        await self._sleep_until(_microseconds(instant))

    async def _sleep_until(self, due: int) -> None:
        if due <= self._now:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        with self._lock:
            heapq.heappush(self._sleepers, (due, next(self._numbers), future))
        await future

    def block(self, seconds: float) -> None:
        """Let the seconds pass at once, waking whom they concern."""
        due = self._now + round(seconds * 1_000_000)
        while self._wake_next(due):
            pass
        self._now = max(self._now, due)

    def watch(self, *parts: Part) -> None:
        """Let `settle` wait for these too: journals and buses."""
        self._parts.extend(parts)

    async def advance(self, seconds: float) -> None:
        """Let the seconds pass: each sleeper is woken at its instant, and what it does then is done before the next."""
        due = self._now + round(seconds * 1_000_000)
        await self.settle()
        while self._wake_next(due):
            await self.settle()
        self._now = max(self._now, due)
        await self.settle()

    async def settle(self) -> None:
        """Wait until every other task of this loop waits, and no watched part is busy."""
        quiet_rounds = 0
        # A callback may start another one: several quiet rounds in a row are needed.
        while quiet_rounds < 3:
            busy = any(part.busy for part in self._parts)
            await asyncio.sleep(_GLANCE if busy else 0)
            quiet_rounds = 0 if busy or not _all_wait() else quiet_rounds + 1

    def _wake_next(self, due: int) -> bool:
        """Wake the first sleeper that is due; whether there was one."""
        with self._lock:
            if not self._sleepers or self._sleepers[0][0] > due:
                return False
            instant, _, future = heapq.heappop(self._sleepers)
        if not future.done():
            self._now = max(self._now, instant)
            loop = future.get_loop()
            # The sleeper may be in the loop of another thread.
            loop.call_soon_threadsafe(_wake, future)
        return True


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _all_wait() -> bool:
    """Whether each other task waits for a future that is not done."""
    present = asyncio.current_task()
    # What a task waits for has no public name; anyio's test helper reads the same attribute.
    waits = [getattr(task, "_fut_waiter", None) for task in asyncio.all_tasks() if task is not present]
    return all(future is not None and not future.done() for future in waits)


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)
