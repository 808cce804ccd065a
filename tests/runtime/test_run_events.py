"""Events of runs: what they say, and the states they give back."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from segue import run_events, states
from segue.records import FlowRun, TaskRun
from segue.states import State, StateType
from segue_events import Event
from segue_events.event import decode_payload, encode_payload


class Kept(msgspec.Struct, frozen=True):
    ref: Any = None
    cache_key: str | None = None
    expires: int | None = None


def task_run(**more: Any) -> TaskRun:
    return TaskRun(id="t", name="fetch-0", task_name="fetch", flow_run_id="f", **more)


def flow_run(**more: Any) -> FlowRun:
    return FlowRun(id="f", name="brave-otter", flow_name="etl", **more)


def written(event: Event) -> Event:
    """The event as a reader of the journal gets it."""
    event.payload = decode_payload(encode_payload(event.payload))
    return event


def test_a_task_run_becomes_known_by_as_little_as_possible() -> None:
    """What is the default is left out."""
    event = run_events.task_run_pending(task_run(created=5))

    assert event == Event(
        kind="task-run.pending", run="f", subject="t", occurred=5, payload={"task": "fetch", "name": "fetch-0"}
    )


def test_a_task_run_becomes_known_by_all_there_is() -> None:
    """Place, inputs, ordinal, tags, parent, upstream and epoch."""
    run = task_run(
        scope="~1", input_hash="abc", ordinal=2, tags=("a",), parent_id="p", upstream=("u", "v"), epoch=3, created=5
    )

    assert written(run_events.task_run_pending(run)).payload == {
        "task": "fetch",
        "name": "fetch-0",
        "scope": "~1",
        "input": "abc",
        "ordinal": 2,
        "tags": ["a"],
        "parent": "p",
        "upstream": ["u", "v"],
        "epoch": 3,
    }


def test_a_flow_run_becomes_known() -> None:
    """With its parameters in the form that was made for the journal."""
    run = flow_run(parameters={"n": object()}, flow_version="1", pid=7, entrypoint="f.py:etl", created=5)

    event = written(run_events.flow_run_pending(run, b'{"n":"<object>"}'))
    assert (event.kind, event.run, event.subject, event.occurred) == ("flow-run.pending", "f", "f", 5)
    assert event.payload == {
        "flow": "etl",
        "name": "brave-otter",
        "version": "1",
        "parameters": {"n": "<object>"},
        "root": "f",
        "epoch": 1,
        "pid": 7,
        "entrypoint": "f.py:etl",
    }


def test_only_a_further_attempt_is_numbered() -> None:
    """The first one of a task run is not worth the bytes."""
    running = states.Running(occurred=5)

    assert run_events.task_run_state(task_run(run_count=1), running).payload == {}
    assert run_events.task_run_state(task_run(run_count=2), states.Retrying()).payload == {
        "name": "Retrying",
        "attempt": 2,
    }
    assert run_events.flow_run_state(flow_run(run_count=1), running, run_name="new").payload == {
        "attempt": 1,
        "run_name": "new",
    }


def test_a_result_is_written_as_it_is_or_by_reference() -> None:
    """With the key and time under which others may use it."""
    done = states.Completed(data=1)
    kept = Kept(ref={"storage": "s", "key": "k"}, cache_key="c", expires=9)

    assert written(run_events.task_run_state(task_run(), done, msgspec.Raw(b'{"$tuple":[1]}'))).payload == {
        "result": {"$tuple": [1]}
    }
    assert written(run_events.task_run_state(task_run(), done, UNSET, kept)).payload == {
        "ref": {"storage": "s", "key": "k"},
        "cache_key": "c",
        "expires": 9,
    }
    assert written(run_events.flow_run_state(flow_run(), done, UNSET, kept)).payload == {
        "ref": {"storage": "s", "key": "k"}
    }


def test_a_failure_tells_what_was_raised_and_where() -> None:
    """The frames are those of the user's code."""
    error = ValueError("x")
    try:
        states.Failed(data=error).result()
    except ValueError as raised:
        payload = run_events.task_run_state(task_run(), states.Failed(message="m", data=raised)).payload

    assert (payload["message"], payload["error"]["type"], payload["error"]["message"]) == ("m", "ValueError", "x")
    assert "test_a_failure_tells" in payload["error"]["traceback"]
    assert "segue/states.py" not in payload["error"]["traceback"]


def test_an_exception_without_a_text_is_told_nevertheless() -> None:
    """One whose __str__ fails, and one with a text that JSON cannot hold."""

    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    broken = run_events.error_payload(Broken())
    surrogate = run_events.error_payload(ValueError("\ud800"))

    assert broken["message"] == "<its text cannot be had: RuntimeError>"
    assert surrogate["message"] == "\\ud800"
    encode_payload({"errors": [broken, surrogate]})


def test_a_long_text_is_cut() -> None:
    """And says how long it was."""
    told = run_events.error_payload(ValueError("x" * 100_000))

    assert told["message"].endswith("x… (100000 characters)")
    assert len(told["traceback"]) <= run_events.MAX_TRACEBACK + 1


def test_a_log_line_is_an_event() -> None:
    """A lone surrogate in it does not keep it out of the journal."""
    event = run_events.log_line(run_id="f", subject="t", level=20, logger="x", message="a\ud800", occurred=5)

    assert written(event).payload == {"level": 20, "logger": "x", "message": "a\\ud800"}
    assert (event.kind, event.run, event.subject, event.occurred) == ("log.written", "f", "t", 5)


def test_the_first_event_does_not_take_the_runs_name_for_the_states() -> None:
    """A run named Crashed is pending all the same."""
    event = run_events.task_run_pending(task_run())
    event.payload["name"] = "Crashed"

    assert run_events.state_of(event).name == "Pending"


def test_other_events_have_no_state() -> None:
    """To ask for it is a mistake."""
    with pytest.raises(ValueError, match=r"'log\.written' does not tell the state"):
        run_events.state_of(Event(kind="log.written"))


names = st.sampled_from(["", "Cached", "TimedOut", "Skipped", "Ünusual"])
instants = st.integers(0, 2**52)


@given(
    kind=st.sampled_from(StateType), name=names, message=st.text(st.characters(exclude_categories=["Cs"])), at=instants
)
def test_every_state_comes_back(kind: StateType, name: str, message: str, at: int) -> None:
    """Type, name, message and time; of flow runs and of task runs."""
    state: State[Any] = State(kind, name, message, at)

    for event in (run_events.task_run_state(task_run(), state), run_events.flow_run_state(flow_run(), state)):
        again = run_events.state_of(written(event))
        assert (again.type, again.name, again.message, again.occurred) == (kind, state.name, message, at)


def test_when_a_retry_is_due_comes_back() -> None:
    """To the microsecond."""
    at = datetime(2030, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    event = run_events.flow_run_state(flow_run(), states.AwaitingRetry(at, message="x"))

    assert written(event).payload["name"] == "AwaitingRetry"
    assert run_events.state_of(event).state_details.scheduled_time == at
