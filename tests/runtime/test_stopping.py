"""A run that somebody asks to stop: it ends as Cancelled, wherever its function is; who called it is told so."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from segue import flow, task
from segue.engine.world import use_backend
from segue.exceptions import CancelledRun
from segue.testing import Harness

Cancel = Callable[[str], None]


@pytest.fixture
def cancel(harness: Harness) -> Cancel:
    """Ask a run to stop, from another thread, as requests always come."""

    def ask(name: str) -> None:
        thread = threading.Thread(target=harness.cancel, args=(name, "ann", "too slow"))
        thread.start()
        thread.join()

    return ask


async def test_a_coroutine_is_cancelled_with_its_tasks(harness: Harness, cancel: Cancel) -> None:
    @task
    async def wait() -> None:
        cancel("f")
        await asyncio.Event().wait()

    @flow
    async def f() -> None:
        await wait()

    with pytest.raises(CancelledRun, match="Cancelled by ann: too slow"):
        await f()
    assert harness.states("f") == ["Pending", "Running", "Cancelled"]
    assert harness.states("wait-0") == ["Pending", "Running", "Cancelled"]


async def test_submitted_tasks_are_cancelled_too(harness: Harness, cancel: Cancel) -> None:
    begun = asyncio.Event()

    @task
    async def wait() -> None:
        begun.set()
        await asyncio.Event().wait()

    @flow
    async def f() -> None:
        future = wait.submit()
        await begun.wait()
        cancel("f")
        await future.wait_async()

    state = await f(return_state=True)
    assert (state.name, state.message) == ("Cancelled", "Cancelled by ann: too slow")
    assert harness.states("wait-0")[-1] == "Cancelled"


async def test_the_task_that_called_a_cancelled_flow_goes_on(harness: Harness, cancel: Cancel) -> None:
    @flow
    async def f() -> None:
        cancel("f")
        await asyncio.Event().wait()

    with pytest.raises(CancelledRun):
        await f()
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0
    await asyncio.sleep(0)


async def test_a_flow_that_is_stopped_takes_its_subflows_along(harness: Harness, cancel: Cancel) -> None:
    went_on: list[str] = []

    @flow
    async def inner() -> None:
        cancel("outer")
        await asyncio.Event().wait()

    @flow
    async def outer() -> None:
        try:
            await inner()
        except Exception:
            went_on.append("outer")

    with pytest.raises(CancelledRun):
        await outer()
    assert went_on == []
    assert [harness.states(name)[-1] for name in ("inner", "outer")] == ["Cancelled", "Cancelled"]


async def test_a_subflow_alone_is_stopped_and_its_caller_decides(harness: Harness, cancel: Cancel) -> None:
    @flow
    async def inner() -> None:
        cancel("inner")
        await asyncio.Event().wait()

    @flow
    async def outer() -> str:
        with pytest.raises(CancelledRun):
            await inner()
        await asyncio.sleep(0)
        return "went on"

    assert await outer() == "went on"
    assert [harness.states(name)[-1] for name in ("inner", "outer")] == ["Cancelled", "Completed"]


def test_a_plain_function_is_interrupted_in_a_blocking_call(harness: Harness, cancel: Cancel) -> None:
    @task
    def wait() -> None:
        asking = threading.Thread(target=cancel, args=("f",))
        asking.start()
        threading.Event().wait()

    @flow
    def f() -> None:
        wait()

    with pytest.raises(CancelledRun, match="too slow"):
        f()
    assert harness.states("f") == ["Pending", "Running", "Cancelled"]
    assert harness.states("wait-0") == ["Pending", "Running", "Cancelled"]


def test_a_plain_function_that_waits_for_its_children_is_interrupted(harness: Harness, cancel: Cancel) -> None:
    @task
    async def wait() -> None:
        threading.Thread(target=cancel, args=("f",)).start()
        await asyncio.Event().wait()

    @flow
    def f() -> None:
        wait.submit().result()

    with pytest.raises(CancelledRun):
        f()
    assert [harness.states(name)[-1] for name in ("f", "wait-0")] == ["Cancelled", "Cancelled"]


def in_a_thread(fn: Callable[[], object]) -> BaseException | None:
    """Call it in another thread; return what it raised."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            fn()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def test_a_plain_function_in_another_thread_is_interrupted_between_its_steps(harness: Harness, cancel: Cancel) -> None:
    @flow
    def f() -> None:
        threading.Thread(target=cancel, args=("f",)).start()
        while True:
            time.monotonic()

    def run() -> None:
        with use_backend(harness.backend):
            f()

    assert isinstance(in_a_thread(run), CancelledRun)
    assert harness.states("f")[-1] == "Cancelled"


def test_in_another_thread_too_waiting_for_children_ends(harness: Harness, cancel: Cancel) -> None:
    @task
    async def wait() -> None:
        threading.Thread(target=cancel, args=("f",)).start()
        await asyncio.Event().wait()

    @flow
    def f() -> None:
        wait.submit().result()

    def run() -> None:
        with use_backend(harness.backend):
            f()

    assert isinstance(in_a_thread(run), CancelledRun)
    assert [harness.states(name)[-1] for name in ("f", "wait-0")] == ["Cancelled", "Cancelled"]


async def test_a_wait_for_the_next_attempt_is_ended(harness: Harness, cancel: Cancel) -> None:
    @flow(retries=3, retry_delay_seconds=60)
    async def f() -> None:
        raise ValueError

    running = asyncio.create_task(f())
    await harness.clock.settle()
    cancel("f")
    with pytest.raises(CancelledRun):
        await running
    assert harness.states("f") == ["Pending", "Running", "AwaitingRetry", "Cancelled"]


async def test_what_fails_while_it_is_stopped_is_not_tried_again(harness: Harness, cancel: Cancel) -> None:
    @flow(retries=3)
    async def f() -> None:
        cancel("f")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("while cleaning up") from None

    with pytest.raises(ValueError, match="cleaning"):
        await f()
    assert harness.states("f") == ["Pending", "Running", "Failed"]


async def test_a_run_that_has_ended_is_not_interrupted_in_its_hooks(harness: Harness, cancel: Cancel) -> None:
    called: list[str] = []

    async def hook(*_: object) -> None:
        cancel("f")
        await asyncio.sleep(0)
        called.append("hook")

    @flow(on_completion=[hook])
    async def f() -> int:
        return 1

    assert await f() == 1
    assert called == ["hook"]


async def test_hooks_for_cancellation_are_called(harness: Harness, cancel: Cancel) -> None:
    called: list[str] = []

    @flow(on_cancellation=[lambda flow, run, state: called.append(state.message)])
    async def f() -> None:
        cancel("f")
        await asyncio.Event().wait()

    await f(return_state=True)
    assert called == ["Cancelled by ann: too slow"]


def test_generators_are_stopped_in_their_next_step(harness: Harness, cancel: Cancel) -> None:
    @flow
    def f():
        yield 1
        yield 2

    items = f()
    assert next(items) == 1
    cancel("f")
    with pytest.raises(CancelledRun):
        next(items)
    assert harness.states("f")[-1] == "Cancelled"
