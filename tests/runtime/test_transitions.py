"""Transitions: which state may follow which."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.states import FINAL_TYPES, StateType
from segue.transitions import BEGINS_ATTEMPT, may_follow, refusal

ALLOWED = """
NEW        > SCHEDULED PENDING
SCHEDULED  > SCHEDULED PENDING RUNNING CANCELLING FAILED CRASHED CANCELLED
PENDING    > SCHEDULED PENDING RUNNING CANCELLING FAILED CRASHED CANCELLED
RUNNING    > SCHEDULED RUNNING PAUSED CANCELLING COMPLETED FAILED CRASHED CANCELLED
PAUSED     > SCHEDULED RUNNING CANCELLING FAILED CRASHED CANCELLED
CANCELLING > CANCELLED
COMPLETED  > COMPLETED
"""
TABLE = {before.strip(): after.split() for before, after in (line.split(">") for line in ALLOWED.strip().splitlines())}
HISTORIES = [
    "PENDING RUNNING COMPLETED",
    "PENDING FAILED",
    "PENDING PENDING",
    "PENDING RUNNING RUNNING FAILED",
    "PENDING RUNNING SCHEDULED RUNNING SCHEDULED RUNNING FAILED",
    "SCHEDULED SCHEDULED PENDING PENDING RUNNING CANCELLING CANCELLED",
    "PENDING RUNNING PAUSED RUNNING COMPLETED",
    "PENDING RUNNING PAUSED SCHEDULED PENDING RUNNING CRASHED",
    "PENDING RUNNING COMPLETED COMPLETED",
]
types = st.sampled_from(StateType)


@pytest.mark.parametrize("before", [None, *StateType])
@pytest.mark.parametrize("after", list(StateType))
def test_each_transition(before: StateType | None, after: StateType) -> None:
    """The table as people read it."""
    allowed = TABLE.get("NEW" if before is None else before.value, [])

    assert may_follow(before, after) is (after.value in allowed)


@pytest.mark.parametrize("history", HISTORIES)
def test_histories_of_runs_are_allowed(history: str) -> None:
    """Success, bad parameters, not ready, retries, cancelling, pausing, suspending, rolling back."""
    kinds = [None, *(StateType(name) for name in history.split())]

    refusals = [refusal(before, after) for before, after in pairwise(kinds) if after is not None]
    assert refusals == [None] * len(history.split())


@given(st.lists(types, min_size=1))
def test_a_final_state_stays_final(path: list[StateType]) -> None:
    """However one goes on from there."""
    before: StateType | None = None
    ended: StateType | None = None
    for after in path:
        if may_follow(before, after):
            before = after
            ended = ended or (after if after in FINAL_TYPES else None)
    assert ended is None or before is ended


@given(before=types, after=types)
def test_only_a_new_attempt_leaves_a_final_state(before: StateType, after: StateType) -> None:
    """It begins as a run does; a run that has not ended cannot be begun anew."""
    if before in FINAL_TYPES:
        assert may_follow(before, after, new_attempt=True) is (after in BEGINS_ATTEMPT)
    else:
        assert may_follow(before, after, new_attempt=True) is may_follow(before, after)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (None, StateType.RUNNING, "A run cannot begin as RUNNING; its first state is SCHEDULED or PENDING."),
        (
            StateType.FAILED,
            StateType.CANCELLING,
            "Run is already in terminal state FAILED; only a new attempt leaves it, not CANCELLING.",
        ),
        (StateType.CANCELLING, StateType.RUNNING, "A run in CANCELLING cannot become RUNNING, only CANCELLED."),
    ],
)
def test_a_refusal_says_why(before: StateType | None, after: StateType, sentence: str) -> None:
    """And what would be allowed."""
    assert refusal(before, after) == sentence
