"""What callers ask of limits, checked, as the slots that are then wanted."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypedDict

from segue.concurrency.occupation import TRY_SECONDS, Occupation
from segue.context import current_run, flow_context_of
from segue.exceptions import ConcurrencySlotAcquisitionError
from segue.slots import Held, Wanted

__all__ = ("ConcurrencyOptions", "occupation", "spending", "spent")

_MACHINE = os.uname().nodename


class ConcurrencyOptions(TypedDict, total=False):
    """What `concurrency` takes besides names and slots.

    `timeout_seconds` bounds the wait for slots; `max_retries` does so by the number of further tries, each of five
    seconds. `strict` refuses names without a limit. `holder` is who is said to hold the slots, instead of the flow
    run. `raise_on_lease_renewal_failure` ends the block when others have got its slots; `strict` does unless told
    otherwise. `lease_duration` changes nothing: a lease lasts half a minute here, and is renewed as long as its holder
    lives.
    """

    timeout_seconds: float | None
    max_retries: int | None
    lease_duration: float
    strict: bool
    holder: str | None
    raise_on_lease_renewal_failure: bool | None


def occupation(names: str | Sequence[str], occupy: int, options: ConcurrencyOptions) -> Occupation:
    """Return the block that occupies slots; ValueError for options that cannot work."""
    strict = options.get("strict", False)
    raises = options.get("raise_on_lease_renewal_failure")
    return Occupation(
        _wanted(names, occupy, strict, options.get("holder")),
        patience=_patience(options),
        raises_when_lost=strict if raises is None else raises,
    )


def spending(names: str | Sequence[str], occupy: int, timeout_seconds: float | None, strict: bool) -> Occupation:
    """Return what takes slots of rate limits; ValueError for a time that cannot be."""
    options: ConcurrencyOptions = {"timeout_seconds": timeout_seconds}
    return Occupation(_wanted(names, occupy, strict, None), patience=_patience(options))


def spent(held: Held) -> None:
    """Let slots of rate limits come back by themselves.

    Raises ConcurrencySlotAcquisitionError, and gives the slots back, for a limit whose slots do not.
    """
    if held.lease.limits:
        held.release()
        raise ConcurrencySlotAcquisitionError(
            f"The slots of the limit '{held.lease.limits[0]}' do not come back by time, as those of a rate limit do. "
            "Set how many do in a second (slot decay), or use concurrency()."
        )


def _wanted(names: str | Sequence[str], slots: int, strict: bool, holder: str | None) -> Wanted:
    wanted = (names,) if isinstance(names, str) else tuple(names)
    return Wanted(tuple(sorted(set(wanted))), slots, holder or _holder(), strict)


def _holder() -> str:
    """Return whose end frees the slots: the flow run's, or else the task run's; outside of runs, a process is named."""
    context = current_run.get()
    if context is None:
        return f"{_MACHINE}:{os.getpid()}"
    flow = flow_context_of(context)
    return context.run.id if flow is None else flow.flow_run.id


def _patience(options: ConcurrencyOptions) -> float | None:
    timeout, tries = options.get("timeout_seconds"), options.get("max_retries")
    for name, value in (("timeout_seconds", timeout), ("max_retries", tries)):
        if value is not None and value < 0:
            raise ValueError(f"{name} must be 0 or more, not {value!r}.")
    bounds = [bound for bound in (timeout, None if tries is None else tries * TRY_SECONDS) if bound is not None]
    return min(bounds, default=None)
