"""Tasks: called, submitted, mapped; their states, retries, names, hooks."""

import asyncio
import threading
import traceback
from typing import Any

import pytest

from segue import State, Task, allow_failure, flow, task, unmapped
from segue.exceptions import (
    BlockingInLoopError,
    MappingLengthMismatch,
    MappingMissingIterable,
    ParameterBindError,
    UnfinishedRun,
)
from segue.futures import as_completed, wait, wait_async
from segue.task_runners import ThreadPoolTaskRunner
from segue.testing import Harness


@task
def add(x: int, y: int = 1) -> int:
    return x + y


@task
async def double(x: int) -> int:
    return 2 * x


@task
def fail(text: str = "x") -> int:
    raise ValueError(text)


def test_a_plain_task_called_in_a_plain_flow_runs_here_and_now(harness: Harness) -> None:
    @task
    def where() -> int:
        return threading.get_ident()

    assert flow(lambda: where())() == threading.get_ident()
    assert harness.states("where-0") == ["Pending", "Running", "Completed"]


async def test_an_awaited_task_returns_its_value(harness: Harness) -> None:
    @flow
    async def f() -> int:
        return await double(await double(1))

    assert await f() == 4
    assert harness.runs() == ["double-0", "double-1"]


def test_a_task_runs_outside_of_flows_too(harness: Harness) -> None:
    assert add(1) == 2
    assert harness.backend.events[0].run == ""


def test_a_failing_task_raises_the_users_own_exception_with_the_users_own_frames(harness: Harness) -> None:
    with pytest.raises(ValueError, match="x") as caught:
        fail()
    files = {frame.filename for frame in caught.value.__traceback__ and _frames(caught.value)}
    assert len([file for file in files if "/segue/" in file]) <= 2


def _frames(error: BaseException) -> Any:
    return traceback.extract_tb(error.__traceback__)


def test_return_state_gives_the_state_and_raises_nothing(harness: Harness) -> None:
    state: Any = fail(return_state=True)  # type: ignore[call-arg]
    assert isinstance(state, State)
    assert state.name == "Failed"


async def test_gathered_tasks_run_side_by_side(harness: Harness) -> None:
    both_here = asyncio.Barrier(2)

    @task
    async def meet(x: int) -> int:
        await both_here.wait()
        return x

    @flow
    async def f() -> list[int]:
        return await asyncio.gather(meet(1), meet(2))

    assert await f() == [1, 2]


async def test_a_future_is_awaited(harness: Harness) -> None:
    @flow
    async def f() -> int:
        return await double.submit(3)

    assert await f() == 6


def test_a_future_of_a_plain_flow_has_a_result(harness: Harness) -> None:
    @flow
    def f() -> tuple[int, int]:
        return add.submit(1).result(), double.submit(3).result()

    assert f() == (2, 6)


async def test_blocking_on_a_future_in_the_loops_thread_says_what_to_write(harness: Harness) -> None:
    @flow
    async def f() -> int:
        return double.submit(3).result()

    with pytest.raises(BlockingInLoopError, match="await the future"):
        await f()


async def test_plain_functions_submitted_in_a_coroutine_run_in_threads(harness: Harness) -> None:
    @task
    def where() -> int:
        return threading.get_ident()

    @flow
    async def f() -> int:
        return await where.submit()

    assert await f() != threading.get_ident()


def test_submitting_outside_of_a_flow_is_refused(harness: Harness) -> None:
    with pytest.raises(RuntimeError, match="outside of a flow"):
        add.submit(1)


def test_futures_are_inputs_also_inside_of_containers(harness: Harness) -> None:
    @task
    def total(parts: list[int], more: dict[str, int]) -> int:
        return sum(parts) + sum(more.values())

    @flow
    def f() -> int:
        one, two = add.submit(0), add.submit(1)
        return total.submit([one, two, 10], {"a": one}).result()

    assert f() == 14
    assert harness.states("total-0") == ["Pending", "Running", "Completed"]


def test_a_task_whose_input_failed_is_not_ready(harness: Harness) -> None:
    @flow
    def f() -> State[Any]:
        future = add.submit(fail.submit())
        future.wait()
        with pytest.raises(UnfinishedRun):
            future.result()
        return None

    f()
    assert harness.states("add-0") == ["Pending", "NotReady"]


def test_allow_failure_hands_on_the_exception(harness: Harness) -> None:
    @task
    def look(value: Any) -> str:
        return type(value).__name__

    @flow
    def f() -> str:
        return look.submit(allow_failure(fail.submit())).result()

    assert f() == "ValueError"


def test_allow_failure_does_not_run_what_its_upstream_never_let_begin(harness: Harness) -> None:
    @flow
    def f() -> None:
        never_ran = add.submit(fail.submit())
        add.submit(1, wait_for=[allow_failure(never_ran)]).wait()

    f()
    assert harness.states("add-1") == ["Pending", "NotReady"]


def test_wait_for_orders_runs_without_passing_values(harness: Harness) -> None:
    order: list[str] = []

    @task
    def note(text: str) -> None:
        order.append(text)

    @flow
    def f() -> None:
        first = note.submit("first")
        note.submit("second", wait_for=[first]).wait()

    f()
    assert order == ["first", "second"]


def test_map_runs_once_for_each_item(harness: Harness) -> None:
    @flow
    def f() -> list[int]:
        return add.map([1, 2, 3], y=unmapped(10)).result()

    assert f() == [11, 12, 13]
    assert harness.runs() == ["add-0", "add-1", "add-2"]


async def test_map_of_coroutines_is_awaited_as_a_whole(harness: Harness) -> None:
    @flow
    async def f() -> list[int]:
        return await double.map(range(300))

    assert await f() == [2 * x for x in range(300)]


def test_text_is_not_mapped_over(harness: Harness) -> None:
    @task
    def spell(word: str, times: int) -> str:
        return word * times

    assert flow(lambda: spell.map("ab", [1, 2]).result())() == ["ab", "abab"]


def test_map_refuses_lengths_that_differ_and_nothing_to_map(harness: Harness) -> None:
    with pytest.raises(MappingLengthMismatch, match="x has 2, y has 3"):
        flow(lambda: add.map([1, 2], [1, 2, 3]))()
    with pytest.raises(MappingMissingIterable):
        flow(lambda: add.map(1))()


def test_map_over_a_future_waits_for_what_it_holds(harness: Harness) -> None:
    @task
    def numbers() -> list[int]:
        return [1, 2]

    assert flow(lambda: add.map(numbers.submit()).result())() == [2, 3]


def test_arguments_that_do_not_fit_are_refused_before_there_is_a_run(harness: Harness) -> None:
    with pytest.raises(ParameterBindError, match="add"):
        add(1, 2, 3)  # type: ignore[call-arg]
    assert harness.backend.events == []


def test_retries_happen_after_their_delays(harness: Harness) -> None:
    @task(retries=2, retry_delay_seconds=[1, 60])
    def flaky() -> str:
        at.append(harness.clock.seconds)
        if len(at) < 3:
            raise OSError("not yet")
        return "done"

    at: list[float] = []
    assert flaky() == "done"
    assert [round(second - at[0]) for second in at] == [0, 1, 61]


async def test_a_coroutine_waits_for_its_retry_by_the_clock(harness: Harness) -> None:
    @task(retries=1, retry_delay_seconds=60)
    async def flaky() -> str:
        at.append(harness.clock.seconds)
        if len(at) < 2:
            raise OSError("not yet")
        return "done"

    at: list[float] = []
    run = asyncio.ensure_future(flaky())
    await harness.clock.advance(61)
    assert await run == "done"
    assert at[1] - at[0] == 60


def test_a_time_limit_ends_a_plain_task(harness: Harness) -> None:
    @task(timeout_seconds=0.01)
    def slow() -> None:
        threading.Event().wait()

    with pytest.raises(TimeoutError, match=r"exceeded timeout of 0\.01"):
        slow()
    assert harness.states(harness.runs()[0]) == ["Pending", "Running", "TimedOut"]


async def test_a_time_limit_ends_a_coroutine(harness: Harness) -> None:
    @task(timeout_seconds=0.01)
    async def slow() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await slow()


async def test_a_time_out_of_the_users_own_is_an_ordinary_failure(harness: Harness) -> None:
    @task(timeout_seconds=60)
    async def slow() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        await slow()
    assert harness.states(harness.runs()[0])[-1] == "Failed"


def test_hooks_are_called_with_task_run_and_state(harness: Harness) -> None:
    seen: list[tuple[str, str, str]] = []

    def hook(task: Task[..., Any], run: Any, state: State[Any]) -> None:
        seen.append((task.name, run.name, state.name))

    @flow
    def f() -> None:
        fail.with_options(on_failure=[hook], on_running=[hook])(return_state=True)  # type: ignore[call-arg]

    f()
    assert seen == [("fail", "fail-0", "Running"), ("fail", "fail-0", "Failed")]


def test_a_failing_hook_is_logged_and_changes_nothing(harness: Harness) -> None:
    def hook(*_: object) -> None:
        raise OSError("hook")

    assert add.with_options(on_completion=[hook])(1) == 2
    assert "An error was encountered while running hook 'hook'" in harness.log()[0]


def test_a_run_is_named_by_template_or_function(harness: Harness) -> None:
    @flow
    def f() -> None:
        add.with_options(task_run_name="add {x} and {y}")(1)
        add.with_options(task_run_name=lambda: "mine")(1)

    f()
    assert harness.runs() == ["add 1 and 1", "mine"]


def test_methods_are_tasks(harness: Harness) -> None:
    class Scales:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @task
        def weigh(self, x: int) -> int:
            return self.factor * x

        @task
        @staticmethod
        def plain(x: int) -> int:
            return x

        @task
        @classmethod
        def of_class(cls, x: int) -> str:
            return f"{cls.__name__} {x}"

    assert Scales(3).weigh(2) == 6
    assert Scales.plain(2) == 2
    assert Scales.of_class(2) == "Scales 2"
    assert Scales(1).of_class(3) == "Scales 3"


def test_a_generator_task_yields_inside_of_its_run(harness: Harness) -> None:
    @task
    def count(n: int) -> Any:
        yield from range(n)
        return "end"

    assert list(count(3)) == [0, 1, 2]
    assert harness.states(harness.runs()[0]) == ["Pending", "Running", "Completed"]


def test_a_generator_left_early_is_completed(harness: Harness) -> None:
    @task
    def count() -> Any:
        yield from range(100)

    for item in count():
        if item == 2:
            break
    assert harness.states(harness.runs()[0])[-1] == "Completed"


async def test_an_asynchronous_generator_task_yields(harness: Harness) -> None:
    @task
    async def count(n: int) -> Any:
        for x in range(n):
            yield x

    assert [x async for x in count(3)] == [0, 1, 2]


def test_a_submitted_generator_gives_the_list_of_what_it_yields(harness: Harness) -> None:
    @task
    def count(n: int) -> Any:
        yield from range(n)

    assert flow(lambda: count.submit(3).result())() == [0, 1, 2]


def test_nested_tasks_record_their_parent(harness: Harness) -> None:
    @task
    def outer() -> int:
        return add(1)

    flow(lambda: outer())()
    inner = next(event for event in harness.backend.events if event.payload.get("task") == "add")
    assert inner.payload["parent"] == harness.id_of("outer-0")


def test_tasks_that_wait_for_tasks_of_a_pool_of_one_do_not_lock_it_up(harness: Harness) -> None:
    @task
    def depth(n: int) -> int:
        return 0 if n == 0 else 1 + depth.submit(n - 1).result()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def f() -> int:
        return depth.submit(20).result()

    assert f() == 20


def test_wait_sorts_what_has_ended_from_what_has_not(harness: Harness) -> None:
    gate = threading.Event()

    @task
    def held() -> None:
        gate.wait()

    @flow
    def f() -> tuple[int, int]:
        done, not_done = wait([add.submit(1), held.submit()], timeout=0.2)
        gate.set()
        return len(done), len(not_done)

    assert f() == (1, 1)


async def test_as_completed_gives_futures_in_the_order_in_which_they_end(harness: Harness) -> None:
    gate = asyncio.Event()

    @task
    async def held() -> str:
        await gate.wait()
        return "held"

    @flow
    async def f() -> list[Any]:
        seen: list[Any] = []
        async for future in as_completed([held.submit(), double.submit(1)]):
            seen.append(await future)
            gate.set()
        return seen

    assert await f() == [2, "held"]


async def test_wait_async_waits_in_a_coroutine(harness: Harness) -> None:
    @flow
    async def f() -> int:
        return len((await wait_async(double.map([1, 2]))).done)

    assert await f() == 2


def test_options_that_cannot_work_are_refused_where_they_stand() -> None:
    with pytest.raises(TypeError, match="no option 'retriez'"):
        task(retriez=1)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="on_failure takes a list"):
        task(on_failure=print)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout_seconds"):
        task(timeout_seconds=0)
    with pytest.raises(ValueError, match="50"):
        task(retries=60, retry_delay_seconds=[1] * 51)(print)


def test_fn_is_the_function_itself(harness: Harness) -> None:
    assert add.fn(1) == 2
    assert harness.backend.events == []
