"""States: names, questions, results, and several as one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segue import states
from segue.exceptions import CancelledRun, CrashedRun, FailedRun, MissingResult, PausedRun, UnfinishedRun
from segue.states import State, StateDetails, StateType, aggregate, get_state_exception, instant, microseconds

MAKERS: dict[StateType, Any] = {
    StateType.SCHEDULED: states.Scheduled,
    StateType.PENDING: states.Pending,
    StateType.RUNNING: states.Running,
    StateType.PAUSED: states.Paused,
    StateType.CANCELLING: states.Cancelling,
    StateType.COMPLETED: states.Completed,
    StateType.FAILED: states.Failed,
    StateType.CRASHED: states.Crashed,
    StateType.CANCELLED: states.Cancelled,
}
FINAL = {StateType.COMPLETED, StateType.FAILED, StateType.CRASHED, StateType.CANCELLED}


@pytest.mark.parametrize("kind", list(StateType))
def test_each_maker_makes_its_type_by_its_name(kind: StateType) -> None:
    """Completed() is of type COMPLETED, named Completed, and answers to is_completed() only."""
    state = MAKERS[kind]()

    questions = [other for other in StateType if getattr(state, f"is_{other.value.lower()}")()]
    assert (state.type, state.name, questions) == (kind, kind.value.capitalize(), [kind])
    assert state.is_final() is (kind in FINAL)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (states.Completed(), "Completed()"),
        (states.Failed(message="msg"), "Failed('msg')"),
        (states.Completed(name="Cached"), "Cached(type=COMPLETED)"),
        (states.Failed(name="TimedOut", message="late"), "TimedOut('late', type=FAILED)"),
        (states.Retrying(), "Retrying(type=RUNNING)"),
        (states.AwaitingRetry(), "AwaitingRetry(type=SCHEDULED)"),
        (states.Late(), "Late(type=SCHEDULED)"),
        (State(StateType.PENDING, "NotReady"), "NotReady(type=PENDING)"),
    ],
)
def test_a_state_shows_what_its_name_does_not_tell(state: State[Any], shown: str) -> None:
    """The message, and the type where the name is another."""
    assert repr(state) == shown
    assert str(state) == shown


def test_a_state_without_a_name_gets_the_one_of_its_type() -> None:
    """As does one that is made by its type alone."""
    assert State(StateType.CANCELLING).name == "Cancelling"


def test_a_time_comes_back_to_the_microsecond() -> None:
    """Also where a float would round."""
    at = datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC)

    assert instant(microseconds(at)) == at
    assert State(StateType.RUNNING, occurred=1).timestamp == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=1
    )


def test_scheduled_time_is_a_detail() -> None:
    """It joins the details that were given."""
    at = datetime(2030, 1, 1, tzinfo=UTC)
    state = states.AwaitingRetry(at, details=StateDetails(task_run_id="t"))

    assert (state.state_details.scheduled_time, state.state_details.task_run_id) == (at, "t")
    assert states.Running().state_details == StateDetails()


def test_a_scheduled_time_needs_a_time_zone() -> None:
    """Nobody knows when a naive one is."""
    with pytest.raises(ValueError, match="2030-01-01T00:00:00 has none"):
        states.Scheduled(datetime(2030, 1, 1))  # noqa: DTZ001


# --- results ---


async def test_a_completed_run_returns_its_value() -> None:
    """None is a value."""
    assert states.Completed(data=3).result() == 3
    assert await states.Completed().aresult() is None


def test_a_value_that_was_not_kept_is_missing() -> None:
    """The sentence says how to keep it."""
    with pytest.raises(MissingResult, match="persist_result=True"):
        State(StateType.COMPLETED).result()


def test_a_failed_run_raises_its_own_exception() -> None:
    """Or returns it, when it is not to be raised."""
    error = ValueError("x")

    with pytest.raises(ValueError, match="x") as raised:
        states.Failed(data=error).result()
    assert raised.value is error
    assert states.Failed(data=error).result(raise_on_failure=False) is error


@pytest.mark.parametrize(
    ("state", "expected", "text"),
    [
        (states.Failed(), FailedRun, "Run failed."),
        (states.Failed(message="mine"), FailedRun, "mine"),
        (states.Failed(data="text"), FailedRun, "text"),
        (states.Crashed(), CrashedRun, "Run crashed."),
        (states.Cancelled(), CancelledRun, "Run cancelled."),
        (states.Failed(message="1/2 states failed.", data=[states.Completed(), states.Crashed()]), CrashedRun, "Run c"),
        (states.Failed(data=states.Failed(message="inner")), FailedRun, "inner"),
    ],
)
def test_a_run_without_an_exception_raises_what_became_of_it(
    state: State[Any], expected: type[Exception], text: str
) -> None:
    """By its message, or by the states it is made of."""
    with pytest.raises(expected, match=text):
        state.result()
    assert isinstance(get_state_exception(state), expected)


@pytest.mark.parametrize("state", [states.Scheduled(), states.Pending(), states.Running(), states.Cancelling()])
def test_a_run_that_has_not_ended_has_no_result(state: State[Any]) -> None:
    """Whether or not a failure is to be raised."""
    with pytest.raises(UnfinishedRun, match=f"Run is in {state.type.value} state, its result is not available."):
        state.result(raise_on_failure=False)


def test_a_paused_run_says_so() -> None:
    """By an error of its own."""
    with pytest.raises(PausedRun):
        states.Paused().result()


def test_a_success_has_no_exception() -> None:
    """To ask for it is a mistake."""
    with pytest.raises(ValueError, match=r"got Completed\(\)"):
        get_state_exception(states.Completed())


# --- several states as one ---

DONE, BAD, DEAD = states.Completed(), states.Failed(), states.Crashed()
STOPPED, HELD, BUSY = states.Cancelled(), states.Paused(), states.Running()


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        ([DONE, DONE], StateType.COMPLETED, "All states completed."),
        ([BAD], StateType.FAILED, "1/1 states failed."),
        ([DONE, BAD], StateType.FAILED, "1/2 states failed."),
        ([DONE, BAD, DEAD], StateType.FAILED, "2/3 states failed."),
        ([DONE, STOPPED, BAD, HELD], StateType.CANCELLED, "1/4 states cancelled."),
        ([HELD, BAD, DONE], StateType.PAUSED, "1/3 states paused."),
        ([DONE, BUSY], StateType.FAILED, "1/2 states are not final."),
        ([BUSY, BAD], StateType.FAILED, "1/2 states failed."),
    ],
)
def test_states_decide_together(parts: list[State[Any]], kind: StateType, message: str) -> None:
    """All completed; else any cancelled, any paused, any failed; else they have not ended."""
    together = aggregate(parts)

    assert (together.type, together.message) == (kind, message)


def test_states_can_be_put_into_a_set() -> None:
    """Two of them are the same only if they are one object, whatever they hold."""
    assert len({states.Completed(data=[1]), states.Completed(data=[1])}) == 2
