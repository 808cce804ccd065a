"""Futures: who waits for them is told, once, whatever the others do."""

import asyncio
import threading
import traceback
from typing import Any

import pytest

from segue import flow, states, task
from segue.futures import TaskFuture, as_completed, wait, wait_async
from segue.testing import Harness


class WatchedFuture(TaskFuture[Any]):
    """A future that remembers who is still to be told."""

    def __init__(self) -> None:
        super().__init__("id-1", "add-0")
        self.waiting: list[Any] = []

    def add_done_callback(self, fn: Any) -> None:
        self.waiting.append(fn)
        super().add_done_callback(fn)

    def remove_done_callback(self, fn: Any) -> None:
        self.waiting.remove(fn)
        super().remove_done_callback(fn)


@pytest.fixture
def future() -> WatchedFuture:
    return WatchedFuture()


def test_a_callback_that_fails_is_logged_and_the_next_is_told(
    future: WatchedFuture, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []

    def failing(_: Any) -> None:
        raise OSError("callback")

    future.add_done_callback(failing)
    future.add_done_callback(told.append)
    future.settle(states.Completed(data=1))
    future.add_done_callback(failing)
    assert told == [future]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [OSError, OSError]


async def test_a_callback_that_fails_does_not_keep_a_flow_from_going_on(harness: Harness) -> None:
    go_on = asyncio.Event()

    @task
    async def held() -> int:
        await go_on.wait()
        return 1

    @flow
    async def f() -> int:
        future = held.submit()
        future.add_done_callback(lambda _: 1 / 0)
        go_on.set()
        return await future

    assert await f() == 1


def test_a_loop_that_was_closed_meanwhile_is_nobody_to_tell(
    future: WatchedFuture, caplog: pytest.LogCaptureFixture
) -> None:
    async def first_of_two() -> Any:
        return await anext(arrivals)

    first: TaskFuture[int] = TaskFuture("id-2")
    first.settle(states.Completed(data=1))
    arrivals = aiter(as_completed([first, future]))
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(first_of_two()) is first
    loop.close()
    future.settle(states.Completed(data=2))
    assert future.result() == 2
    assert caplog.records == []


def test_waits_that_timed_out_leave_nothing_behind(future: WatchedFuture) -> None:
    for _ in range(3):
        future.wait(0)
        wait([future], timeout=0)
        with pytest.raises(TimeoutError):
            next(iter(as_completed([future], timeout=0)))
    assert future.waiting == []


async def test_waits_in_coroutines_that_timed_out_leave_nothing_behind(future: WatchedFuture) -> None:
    await future.wait_async(0)
    await wait_async([future], timeout=0)
    with pytest.raises(TimeoutError):
        await anext(aiter(as_completed([future], timeout=0)))
    assert future.waiting == []


async def test_an_await_that_was_cancelled_leaves_nothing_behind(future: WatchedFuture) -> None:
    async def ask() -> Any:
        return await future

    asking = asyncio.ensure_future(ask())
    await asyncio.sleep(0)
    assert len(future.waiting) == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert future.waiting == []


def test_a_callback_that_was_removed_is_not_called(future: WatchedFuture) -> None:
    told: list[Any] = []
    future.add_done_callback(told.append)
    future.remove_done_callback(told.append)
    future.settle(states.Completed())
    assert told == []


def _raised() -> ValueError:
    try:
        raise ValueError("x")
    except ValueError as error:
        return error


def test_each_raise_of_a_failed_futures_exception_begins_with_the_traceback_it_ended_with(
    future: WatchedFuture,
) -> None:
    def ask() -> list[str]:
        with pytest.raises(ValueError, match="x") as caught:
            future.result()
        return [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]

    future.settle(states.Failed(data=_raised()))
    first = ask()
    assert first[-1] == "_raised"
    assert ask() == ask() == first


async def test_each_await_of_a_failed_future_does_so_too(future: WatchedFuture) -> None:
    async def ask() -> int:
        with pytest.raises(ValueError, match="x") as caught:
            await future
        return len(traceback.extract_tb(caught.value.__traceback__))

    future.settle(states.Failed(data=_raised()))
    assert await ask() == await ask()


def test_a_future_ends_while_a_thread_waits_for_it(future: WatchedFuture) -> None:
    values: list[Any] = []
    waiting = threading.Thread(target=lambda: values.append(future.result()))
    waiting.start()
    future.settle(states.Completed(data=1))
    waiting.join()
    assert values == [1]
