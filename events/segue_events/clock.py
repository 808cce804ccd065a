"""Clock: what time it is, and waiting for it. Whatever waits is handed one, so that tests own the time."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

__all__ = ("Clock", "SystemClock")

# A laptop that slept, or a clock that was set, is noticed after this many seconds at the latest.
_LONGEST_NAP = 30.0


class Clock(Protocol):
    """The time, and ways to let it pass."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        ...

    def now_us(self) -> int:
        """The present instant in µs since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds since some instant; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait in a coroutine."""
        ...

    async def sleep_until(self, instant: datetime) -> None:
        """Wait in a coroutine until the instant, which is aware; returns at once if it is past."""
        ...

    def block(self, seconds: float) -> None:
        """Wait in plain code, in a thread that nothing else needs."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present instant, aware and in UTC."""
        return datetime.now(UTC)

    def now_us(self) -> int:
        """The present instant in µs since the epoch."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds since some instant; never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait in a coroutine."""
        await asyncio.sleep(seconds)

    async def sleep_until(self, instant: datetime) -> None:
        """Wait in a coroutine until the instant, which is aware; returns at once if it is past."""
        while (left := (instant - self.now()).total_seconds()) > 0:
            nap = min(left, _LONGEST_NAP)
            await asyncio.sleep(nap)

    def block(self, seconds: float) -> None:
        """Wait in plain code, in a thread that nothing else needs."""
        time.sleep(seconds)
