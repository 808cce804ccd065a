"""Records: what runs know of themselves."""

import gc
import pickle
import weakref
from datetime import UTC, datetime, timedelta

import pytest

from segue import exceptions, states
from segue.records import FlowRun, LogLine, TaskRun


def test_a_new_run_is_pending() -> None:
    """Each with a state of its own."""
    one, other = TaskRun(id="1", name="a-0", task_name="a"), TaskRun(id="2", name="a-1", task_name="a")

    assert (one.state_name, one.start_time, one.total_run_time) == ("Pending", None, timedelta())
    assert one.state is not other.state


@pytest.mark.parametrize("run", [FlowRun(id="f", name="n", flow_name="x"), TaskRun(id="t", name="n", task_name="x")])
def test_states_count_and_time_a_run(run: FlowRun | TaskRun) -> None:
    """It starts with its first attempt and ends with its final state."""
    run.enter(states.Running(occurred=1_000_000))
    run.enter(states.AwaitingRetry(occurred=2_000_000))
    run.enter(states.Retrying(occurred=3_000_000))
    assert (run.run_count, run.ended) == (2, None)

    run.enter(states.Completed(occurred=4_000_000))
    assert run.start_time == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert run.end_time == datetime(1970, 1, 1, 0, 0, 4, tzinfo=UTC)
    assert (run.total_run_time, run.state_type) == (timedelta(seconds=3), states.StateType.COMPLETED)


def test_a_new_attempt_of_an_ended_run_has_not_ended() -> None:
    """It goes on counting."""
    run = TaskRun(id="t", name="n", task_name="x")
    run.enter(states.Failed(occurred=1))
    run.enter(states.Running(occurred=2))

    assert run.ended is None


def test_a_step_is_known_by_place_task_inputs_and_ordinal() -> None:
    """Its key holds all four."""
    run = TaskRun(id="t", name="fetch-0", task_name="fetch", scope="~1", input_hash="abc", ordinal=2)

    assert run.step_key == "~1/fetch#abc#2"


def test_a_run_that_failed_can_be_forgotten() -> None:
    """The exception's frames hold the run, and the run the exception: the collector has to see through both."""

    class Owner:
        pass

    def fail() -> "weakref.ref[Owner]":
        run, owner = TaskRun(id="t", name="n", task_name="x"), Owner()
        try:
            raise ValueError("x")
        except ValueError as error:
            run.enter(states.Failed(data=error))
        return weakref.ref(owner)

    forgotten = fail()
    gc.collect()

    assert forgotten() is None


def test_a_log_line_knows_its_time() -> None:
    """In UTC."""
    line = LogLine(seq=1, occurred=5, level=20, logger="x", message="hello")

    assert line.timestamp == datetime(1970, 1, 1, microsecond=5, tzinfo=UTC)


def test_errors_survive_being_sent_to_another_process() -> None:
    """With the same text and the same facts."""
    for error in (
        exceptions.UnknownRun("x", ["y"]),
        exceptions.AmbiguousRun("x", ["a", "b"]),
        exceptions.NotCanonical("value[0]", "socket"),
        exceptions.MappingLengthMismatch({"a": 1, "b": 2}),
        exceptions.MappingMissingIterable(["a"]),
        exceptions.BlockingInLoopError("a task run", "`await future`"),
        exceptions.ReservedArgumentError("Flow 'x'", "wait_for"),
        exceptions.TaskRunnerNotStarted("ThreadPoolTaskRunner"),
        exceptions.ProcessDied("fetch-0"),
        exceptions.JournalNotRecorded("Flow run 'x'", "the disk is full"),
        exceptions.TerminationSignal(15),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_the_tree_of_errors_is_the_one_that_is_drawn() -> None:
    """Every class stands in the docstring."""
    drawn = exceptions.__doc__ or ""
    classes = [
        name for name, one in vars(exceptions).items() if isinstance(one, type) and issubclass(one, BaseException)
    ]

    assert [name for name in classes if f" {name}" not in drawn] == []
