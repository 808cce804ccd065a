"""Flows: parameters, final states, retries, subflows, children, hooks, logs, context."""

import asyncio
import os
import threading
from typing import Any

import pytest

from segue import State, flow, get_run_logger, tags, task
from segue.context import FlowRunContext, TaskRunContext
from segue.exceptions import InvalidNameError, MissingContextError, ParameterBindError, ReservedArgumentError
from segue.runtime import flow_run, task_run
from segue.states import Cancelled, Completed, Failed
from segue.task_runners import ProcessPoolTaskRunner
from segue.testing import Harness


@task
def ok(x: Any = None) -> Any:
    return x


@task
def fail() -> None:
    raise ValueError("x")


# --- parameters ---


def test_parameters_are_coerced_to_their_annotations(harness: Harness) -> None:
    @flow
    def f(x: int, y: float = 1) -> tuple[int, float]:
        return x, y

    assert f("5") == (5, 1)  # type: ignore[arg-type]


def test_invalid_parameters_fail_a_run_that_never_began(harness: Harness) -> None:
    called: list[Any] = []

    @flow(name="f", on_failure=[lambda *given: called.append(given)])
    def f(x: int) -> None:
        called.append("the function")

    state: Any = f("five", return_state=True)  # type: ignore[arg-type, call-arg]
    assert harness.states("f") == ["Pending", "Failed"]
    assert "ParameterTypeError: Flow run received invalid parameters" in state.message
    assert len(called) == 1


def test_arguments_that_do_not_fit_are_refused_before_there_is_a_run(harness: Harness) -> None:
    with pytest.raises(ParameterBindError):
        flow(lambda x: x)()
    assert harness.backend.events == []


def test_names_of_parameters_and_flows_that_cannot_be_are_refused() -> None:
    with pytest.raises(ReservedArgumentError, match="wait_for"):

        @flow
        def f(wait_for: Any) -> None: ...

    with pytest.raises(InvalidNameError, match="/"):
        flow(name="a/b")(print)


# --- final states ---


def run(harness: Harness, fn: Any) -> Any:
    """Run the function as a flow and return its final state."""
    return flow(name="f")(fn)(return_state=True)


@pytest.mark.parametrize(
    ("returned", "name", "message"),
    [
        (lambda: Failed(message="mine"), "Failed", "mine"),
        (lambda: Cancelled(message="no"), "Cancelled", "no"),
        (lambda: Completed(name="Skipped"), "Skipped", ""),
        (lambda: fail.submit(), "Failed", "1/1 states failed."),
        (lambda: [ok.submit(), fail.submit()], "Failed", "1/2 states failed."),
        (lambda: (ok.submit(1), ok.submit(2)), "Completed", "All states completed."),
        (lambda: {"a": fail.submit()}, "Completed", ""),
        (lambda: [fail.submit(), 1], "Completed", ""),
        (lambda: fail(return_state=True), "Failed", "1/1 states failed."),  # type: ignore[call-arg]
        (lambda: None, "Completed", ""),
        (lambda: 7, "Completed", ""),
    ],
)
def test_what_a_flow_returns_decides_its_final_state(harness: Harness, returned: Any, name: str, message: str) -> None:
    state = run(harness, returned)
    assert (state.name, state.message) == (name, message)


def test_a_flow_that_returns_futures_returns_their_results(harness: Harness) -> None:
    assert flow(lambda: [ok.submit(1), ok.submit(2)])() == [1, 2]


def test_an_exception_that_escapes_fails_the_flow_and_reaches_the_caller(harness: Harness) -> None:
    with pytest.raises(ValueError, match="x"):
        flow(name="f")(lambda: fail())()
    assert harness.states("f") == ["Pending", "Running", "Failed"]


def test_a_failure_that_nobody_asked_about_does_not_fail_the_flow(harness: Harness) -> None:
    assert run(harness, lambda: fail.submit() and None).name == "Completed"


def test_an_interrupt_crashes_the_run_and_is_raised_even_to_who_asked_for_the_state(harness: Harness) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(harness, interrupted)
    assert harness.states("f") == ["Pending", "Running", "Crashed"]


async def test_a_cancelled_flow_crashes_and_its_children_are_cancelled(harness: Harness) -> None:
    began = asyncio.Event()

    @task
    async def endless() -> None:
        began.set()
        await asyncio.Event().wait()

    @flow(name="f")
    async def f() -> None:
        await endless.submit()

    running = asyncio.ensure_future(f())
    await began.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert harness.states("f")[-1] == "Crashed"
    assert harness.states("endless-0")[-1] == "Cancelled"


# --- retries and time ---


def test_a_flow_is_retried_as_a_whole(harness: Harness) -> None:
    attempts: list[int] = []

    @flow(name="f", retries=1, retry_delay_seconds=5)
    def f() -> str:
        attempts.append(flow_run.run_count)
        ok(1)
        if len(attempts) == 1:
            raise OSError("first")
        return "done"

    assert f() == "done"
    assert attempts == [1, 2]
    assert harness.states("f") == ["Pending", "Running", "AwaitingRetry", "Running", "Completed"]
    assert harness.runs() == ["ok-0", "ok-1"]


async def test_a_flows_time_limit_cancels_what_it_started(harness: Harness) -> None:
    @task
    async def endless() -> None:
        await asyncio.Event().wait()

    @flow(name="f", timeout_seconds=0.05)
    async def f() -> None:
        await endless.submit()

    state: Any = await f(return_state=True)  # type: ignore[call-arg]
    assert state.name == "TimedOut"
    assert harness.states("endless-0")[-1] == "Cancelled"


# --- children ---


def test_no_child_outlives_its_flow(harness: Harness) -> None:
    gate = threading.Event()

    @task
    def held() -> None:
        gate.wait(5)

    @flow(name="f")
    def f() -> None:
        held.submit()
        gate.set()

    f()
    assert harness.states("held-0")[-1] == "Completed"
    ended = [event.subject for event in harness.backend.events if event.kind.endswith(".completed")]
    assert ended == [harness.id_of("held-0"), harness.id_of("f")]


def test_a_flow_that_fails_does_not_begin_what_was_still_waiting(harness: Harness) -> None:
    gate = threading.Event()

    @task
    def held() -> None:
        gate.wait(5)

    @flow
    def f() -> None:
        ok.submit(held.submit())
        threading.Timer(0.01, gate.set).start()
        raise OSError("over")

    with pytest.raises(OSError, match="over"):
        f()
    assert harness.states("ok-0") == ["Pending", "Cancelled"]


# --- subflows ---


def test_a_subflow_is_a_run_of_its_own_with_its_parent_and_root(harness: Harness) -> None:
    @flow
    def child(x: int) -> int:
        return x + 1

    @flow
    def parent() -> int:
        return child(1) + child(1)

    assert parent() == 4
    parent_id = harness.id_of("parent")
    children = [e for e in harness.backend.events if e.payload.get("flow") == "child" and e.kind == "flow-run.pending"]
    assert [(e.payload["parent"], e.payload["root"]) for e in children] == [(parent_id, parent_id)] * 2
    assert len({e.subject for e in children}) == 2


async def test_subflows_run_side_by_side(harness: Harness) -> None:
    both_here = asyncio.Barrier(2)

    @flow
    async def child(x: int) -> int:
        await both_here.wait()
        return x

    @flow
    async def parent() -> list[int]:
        return await asyncio.gather(child(1), child(2))

    assert await parent() == [1, 2]


# --- names, tags, context ---


def test_a_flow_run_is_named_by_its_template(harness: Harness) -> None:
    seen: list[str] = []

    @flow(flow_run_name="load {day}")
    def f(day: str) -> None:
        seen.append(flow_run.name)

    f("monday")
    assert seen == ["load monday"]


def test_tags_go_to_everything_inside(harness: Harness) -> None:
    @task(tags=["own"])
    def look() -> list[str]:
        return task_run.tags

    @flow
    def f() -> tuple[list[str], list[str]]:
        return flow_run.tags, look()

    with tags("a", "b"):
        assert f() == (["a", "b"], ["a", "b", "own"])


def test_the_context_is_there_inside_and_gone_outside(harness: Harness) -> None:
    @task
    def look() -> tuple[Any, ...]:
        found = TaskRunContext.get()
        assert found is not None
        return found.task.name, task_run.name, flow_run.flow_name, task_run.parameters

    assert flow(name="f")(lambda: look())() == ("look", "look-0", "f", {})
    assert (FlowRunContext.get(), TaskRunContext.get(), flow_run.id, task_run.name) == (None, None, None, None)


# --- logs ---


def test_log_lines_are_events_of_their_run(harness: Harness) -> None:
    @task
    def speak() -> None:
        get_run_logger().warning("careful: %s", "hot")

    flow(name="f")(lambda: speak())()
    line = next(event for event in harness.backend.events if event.payload.get("message") == "careful: hot")
    assert (line.subject, line.run, line.payload["level"]) == (harness.id_of("speak-0"), harness.id_of("f"), 30)


def test_prints_are_logged_where_the_flow_says_so(harness: Harness, capsys: pytest.CaptureFixture[str]) -> None:
    @task
    def speak() -> None:
        print("hello", 1)  # noqa: T201  the subject of the test

    flow(log_prints=True)(lambda: speak())()
    flow(lambda: speak())()
    assert harness.log().count("hello 1") == 1
    assert capsys.readouterr().out == "hello 1\n"


def test_there_is_no_run_logger_outside_of_runs() -> None:
    with pytest.raises(MissingContextError):
        get_run_logger()


# --- generators, methods, loops ---


def test_a_generator_flow_yields_inside_of_its_run(harness: Harness) -> None:
    @flow(name="f")
    def f() -> Any:
        yield ok(1)
        yield ok(2)

    assert list(f()) == [1, 2]
    assert harness.states("f") == ["Pending", "Running", "Completed"]


async def test_an_asynchronous_generator_flow_yields(harness: Harness) -> None:
    @flow(name="f")
    async def f() -> Any:
        for x in range(3):
            yield x

    assert [x async for x in f()] == [0, 1, 2]
    assert harness.states("f") == ["Pending", "Running", "Completed"]


async def test_a_plain_flow_can_be_called_where_a_loop_runs(harness: Harness) -> None:
    @task
    async def slow(x: int) -> int:
        await asyncio.sleep(0)
        return x

    assert flow(lambda: ok(slow.submit(1).state is not None))() is True


def test_methods_are_flows(harness: Harness) -> None:
    class Shop:
        @flow
        def open(self, hour: int) -> int:
            return hour

    assert Shop().open("8") == 8  # type: ignore[arg-type]


def test_hooks_see_flow_run_and_state(harness: Harness) -> None:
    seen: list[tuple[str, str]] = []

    @flow(name="f")
    def f() -> None: ...

    @f.on_completion
    def note(flow: Any, run: Any, state: State[Any]) -> None:
        seen.append((flow.name, state.name))

    f()
    assert seen == [("f", "Completed")]


def square(x: int) -> int:
    return x * x


def test_a_process_pool_calls_the_functions_elsewhere(segue_home: Any) -> None:
    where = task(os.getpid)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def f() -> tuple[list[int], int]:
        return task(square).map([1, 2, 3]).result(), where.submit().result()

    results, pid = f()
    assert results == [1, 4, 9]
    assert pid != os.getpid()


def numbers(n: int) -> Any:
    yield from range(n)


def endless() -> None:
    threading.Event().wait()


def test_generators_and_time_limits_hold_in_other_processes(segue_home: Any) -> None:
    @flow(task_runner=ProcessPoolTaskRunner(max_workers=1))
    def f() -> tuple[list[int], str]:
        late = task(timeout_seconds=0.2)(endless).submit()
        late.wait()
        return task(numbers).submit(3).result(), late.state.name

    assert f() == ([0, 1, 2], "TimedOut")
