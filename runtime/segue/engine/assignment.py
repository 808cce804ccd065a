"""Assignment: a run that exists already, which the next flow call outside of runs takes over."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segue.records import FlowRun
    from segue.records.work import Claim, Deployment


class _Slot:
    """Holds a claim until it is taken."""

    def __init__(self, claim: Claim) -> None:
        self.claim: Claim | None = claim


_slot: ContextVar[_Slot | None] = ContextVar("segue_assignment", default=None)


@contextmanager
def assigned(claim: Claim) -> Generator[None]:
    """Let the first flow that is called inside of the `with`, and not within a run, be this run and not a new one.

    It keeps the claim's id, name, tags and place, goes from Scheduled to Pending, and counts its attempts on.
    """
    token = _slot.set(_Slot(claim))
    try:
        yield
    finally:
        _slot.reset(token)


def take_over(run: FlowRun) -> Deployment | None:
    """Make the record of a new run that of the run that is assigned here, if one is; return its deployment."""
    slot = _slot.get()
    if slot is None or slot.claim is None:
        return None
    claim, slot.claim = slot.claim, None
    run.id, run.name, run.tags = claim.run_id, claim.run_name, claim.tags
    run.parent_id, run.root_id = claim.parent_id, claim.root_id or claim.run_id
    run.epoch, run.run_count = claim.epoch, claim.attempts
    return claim.deployment
