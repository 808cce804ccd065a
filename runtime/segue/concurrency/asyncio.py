"""Concurrency for coroutines: `async with concurrency("database"):`, and `await rate_limit("api")`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from segue.concurrency.occupation import Occupation
from segue.concurrency.wishes import ConcurrencyOptions, occupation, spending, spent
from segue.exceptions import AcquireConcurrencySlotTimeoutError, ConcurrencySlotAcquisitionError

__all__ = ("AcquireConcurrencySlotTimeoutError", "ConcurrencySlotAcquisitionError", "concurrency", "rate_limit")


def concurrency(names: str | Sequence[str], occupy: int = 1, **options: Unpack[ConcurrencyOptions]) -> Occupation:
    """Return an `async with` inside of which `occupy` slots are held, of each of these limits; see ConcurrencyOptions.

    Entering it raises ConcurrencySlotAcquisitionError where they can never be had, and
    AcquireConcurrencySlotTimeoutError where they are not in time.
    """
    return occupation(names, occupy, options)


async def rate_limit(
    names: str | Sequence[str],
    occupy: int = 1,
    timeout_seconds: float | None = None,
    strict: bool = False,
) -> None:
    """Wait until `occupy` slots of each of these rate limits have come back, up to `timeout_seconds`, and take them.

    Raises as entering `concurrency` does, and for a limit that is no rate limit.
    """
    spent(await spending(names, occupy, timeout_seconds, strict).take_async())
