"""When to try again: the policy of retries, as a pure value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from random import Random
from typing import Any, cast

import msgspec

MAX_DELAYS = 50

Delays = float | Sequence[float] | Callable[[int], Sequence[float]]


class RetryPolicy(msgspec.Struct, frozen=True):
    """How many times to try again, and after which delays.

    `delays` are seconds, one for each retry; the last one serves for all that follow. With a `jitter` of j, each
    delay d becomes a random one of d to d * (1 + j): never sooner than asked, and spread so that runs which
    failed together do not come back together.
    """

    retries: int = 0
    delays: tuple[float, ...] = ()
    jitter: float = 0.0

    def delay_after(self, attempt: int, random: Random) -> float | None:
        """Return the seconds to wait after the failure of this attempt (the first one is 1), or None to give up."""
        if attempt > self.retries:
            return None
        if not self.delays:
            return 0.0
        delay = self.delays[min(attempt, len(self.delays)) - 1]
        return delay * (1 + self.jitter * random.random()) if self.jitter else delay


def retry_policy(retries: int | None = None, delay: Delays | None = None, jitter: float | None = None) -> RetryPolicy:
    """Return the policy that the options `retries`, `retry_delay_seconds` and `retry_jitter_factor` ask for.

    `delay` is a number of seconds, a list of at most 50 of them, or a function that is given the number of
    retries and returns such a list. Raises TypeError or ValueError, naming the option and the value, otherwise.
    """
    count = 0 if retries is None else retries
    if not isinstance(cast("Any", count), int) or isinstance(count, bool):
        raise TypeError(f"retries must be a whole number, not {retries!r}.")
    if count < 0:
        raise ValueError(f"retries must be 0 or more, not {retries!r}.")
    return RetryPolicy(count, _delays(delay, count), _seconds("retry_jitter_factor", jitter or 0))


def exponential_backoff(backoff_factor: float) -> Callable[[int], list[float]]:
    """Return a `retry_delay_seconds` that doubles: backoff_factor seconds, then 2, 4, 8 … times as many."""
    _seconds("backoff_factor", backoff_factor)

    def delays(retries: int) -> list[float]:
        return [backoff_factor * 2**retry for retry in range(min(retries, MAX_DELAYS))]

    return delays


def _delays(delay: Any, retries: int) -> tuple[float, ...]:
    if callable(delay):
        delay = delay(retries)
    if delay is None:
        return ()
    if not isinstance(delay, (list, tuple)):
        return (_seconds("retry_delay_seconds", delay),)
    given = cast("Sequence[object]", delay)
    if len(given) > MAX_DELAYS:
        raise ValueError(f"A run can have at most {MAX_DELAYS} retry delays, and retry_delay_seconds has {len(given)}.")
    return tuple(_seconds("retry_delay_seconds", one) for one in given)


def _seconds(option: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        allowed = "a number, a list of numbers or a function of the retries" if "delay" in option else "a number"
        raise TypeError(f"{option} must be {allowed}, not {value!r}.")
    if not isfinite(value) or value < 0:
        raise ValueError(f"{option} must be 0 or more, not {value!r}.")
    return float(value)
