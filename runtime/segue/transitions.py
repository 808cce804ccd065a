"""Transitions: which type of state may follow which, as one table.

A final state is left only as a new attempt: a run that is retried by hand, or taken up again after its process died.
"""

from segue.states import FINAL_TYPES, StateType

_SCHEDULED, _PENDING, _RUNNING, _PAUSED, _CANCELLING, _COMPLETED, _FAILED, _CRASHED, _CANCELLED = StateType

MAY_FOLLOW: dict[StateType | None, frozenset[StateType]] = {
    None: frozenset({_SCHEDULED, _PENDING}),
    # Scheduled once more: Late. Running at once: the next attempt after AwaitingRetry.
    _SCHEDULED: frozenset({_SCHEDULED, _PENDING, _RUNNING, _CANCELLING, _FAILED, _CRASHED, _CANCELLED}),
    # Pending once more: NotReady. Scheduled: there was no free slot. Failed: its parameters are invalid.
    _PENDING: frozenset({_SCHEDULED, _PENDING, _RUNNING, _CANCELLING, _FAILED, _CRASHED, _CANCELLED}),
    # Running once more: Retrying without a delay. Scheduled: AwaitingRetry.
    _RUNNING: frozenset({_SCHEDULED, _RUNNING, _PAUSED, _CANCELLING, _COMPLETED, _FAILED, _CRASHED, _CANCELLED}),
    # Scheduled: Resuming in another process. Failed: nobody resumed it in time.
    _PAUSED: frozenset({_SCHEDULED, _RUNNING, _CANCELLING, _FAILED, _CRASHED, _CANCELLED}),
    _CANCELLING: frozenset({_CANCELLED}),
    # Completed once more: RolledBack.
    _COMPLETED: frozenset({_COMPLETED}),
    _FAILED: frozenset(),
    _CRASHED: frozenset(),
    _CANCELLED: frozenset(),
}
"""The types of state that may follow a type; None stands for before the first state."""

BEGINS_ATTEMPT: frozenset[StateType] = frozenset({_SCHEDULED, _PENDING, _RUNNING})
"""The types of state that a new attempt of an ended run may begin with."""


def may_follow(before: StateType | None, after: StateType, *, new_attempt: bool = False) -> bool:
    """Whether a run in a state of type `before` (None: a run without one) may come to one of type `after`.

    `new_attempt` says that the run is deliberately begun again.
    """
    if new_attempt and before in FINAL_TYPES:
        return after in BEGINS_ATTEMPT
    return after in MAY_FOLLOW[before]


def refusal(before: StateType | None, after: StateType, *, new_attempt: bool = False) -> str | None:
    """Return the sentence that says why `after` may not follow `before`, or None where it may."""
    if may_follow(before, after, new_attempt=new_attempt):
        return None
    if before is None:
        return f"A run cannot begin as {after.value}; its first state is SCHEDULED or PENDING."
    if before in FINAL_TYPES:
        return f"Run is already in terminal state {before.value}; only a new attempt leaves it, not {after.value}."
    allowed = ", ".join(kind.value for kind in StateType if kind in MAY_FOLLOW[before])
    return f"A run in {before.value} cannot become {after.value}, only {allowed}."
