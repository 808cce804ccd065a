"""Task runners: bounded pools that do not lock up, and functions called in other processes."""

import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from segue import flow, task
from segue.exceptions import FailedRun, ProcessDied, SerializationError
from segue.futures import wait
from segue.lifecycle import TimeLimitReached
from segue.records import TaskRun
from segue.task_runners import ProcessPoolTaskRunner, Shipment, ThreadPoolTaskRunner
from segue.testing import Harness


@task
def one() -> int:
    return 1


@task
def more(x: int) -> int:
    return x + 1


@task
async def one_in_the_loop() -> int:
    return 1


def in_a_pool(workers: int, fn: Any) -> Any:
    """Return what `fn` returns as a task of a plain flow's pool of so many workers."""
    return flow(task_runner=ThreadPoolTaskRunner(max_workers=workers))(lambda: task(fn).submit().result())()


def test_a_worker_waits_for_a_task_whose_inputs_are_not_there_yet(harness: Harness) -> None:
    assert in_a_pool(1, lambda: more.submit(one.submit()).result()) == 2
    assert in_a_pool(1, lambda: more.submit(more.submit(one_in_the_loop.submit())).result()) == 3


def test_a_worker_waits_for_a_coroutine_that_waits_for_a_task_of_the_same_pool(harness: Harness) -> None:
    @task
    async def between() -> int:
        return await one.submit() + 1

    assert in_a_pool(1, lambda: between.submit().result()) == 2


def test_a_worker_that_waits_with_a_time_limit_gives_its_place_away_too(harness: Harness) -> None:
    assert in_a_pool(1, lambda: more.submit(one.submit()).result(timeout=600)) == 2
    assert in_a_pool(1, lambda: len(wait(more.map([1, 2, 3]), timeout=600).done)) == 3


def test_a_short_wait_does_not_become_a_long_one(harness: Harness) -> None:
    gate = threading.Event()

    @task
    def held() -> None:
        gate.wait()

    def impatient() -> bool:
        future = held.submit()
        future.wait(timeout=0)
        ended = future.done()
        gate.set()
        return ended

    assert in_a_pool(1, impatient) is False


def test_a_waiting_task_runs_no_other_one_inside_of_itself(harness: Harness) -> None:
    lock = threading.Lock()

    @task
    def locking(x: int) -> int:
        with lock:
            return x + one_in_the_loop.submit().result()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=1))
    def f() -> list[int]:
        return locking.map(range(20)).result()

    assert f() == list(range(1, 21))


def test_many_tasks_that_each_wait_for_another_one_end(harness: Harness) -> None:
    @task
    def waits(x: int) -> int:
        return more.submit(x).result()

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def f() -> list[int]:
        return waits.map(range(300)).result()

    assert f() == list(range(1, 301))


def test_no_more_tasks_run_at_once_than_there_are_workers(harness: Harness) -> None:
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    @task
    def counted(x: int) -> int:
        with lock:
            running.append(x)
            most.append(len(running))
        with lock:
            running.remove(x)
        return x

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=2))
    def f() -> None:
        counted.map(range(200)).wait()

    f()
    assert max(most) <= 2


@pytest.mark.parametrize("runner", [ThreadPoolTaskRunner, ProcessPoolTaskRunner])
def test_a_pool_without_workers_is_refused(runner: Any) -> None:
    with pytest.raises(ValueError, match="max_workers must be 1 or more, not 0"):
        runner(max_workers=0)


# --- in other processes ---

Elsewhere = Callable[..., Any]


@pytest.fixture(scope="module", name="elsewhere")
def elsewhere_fixture() -> Iterator[Elsewhere]:
    """Call a function in the process of a pool of one, as the run of a task is called there."""
    with ProcessPoolTaskRunner(max_workers=1) as runner:
        ship = runner.ship()
        assert ship is not None

        def call(fn: Callable[..., Any], *args: Any, timeout_seconds: float | None = None) -> Any:
            run = TaskRun(id="0198c0de-0000-7000-8000-000000000001", name="work-0", task_name="work")
            return ship(Shipment("work-0", fn, args, {}, run, None, False, timeout_seconds))

        yield call


class Odd(Exception):
    """Cannot be made anew from its `args`."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")
        self.second = second


class Unreadable:
    """Is written by pickle, and then cannot be read."""

    def __reduce__(self) -> Any:
        return int, ("not a number",)


def raise_odd() -> None:
    raise Odd(1, 2)


def raise_with_a_lock() -> None:
    raise ValueError("held", threading.Lock())


def return_a_lock() -> Any:
    return threading.Lock()


def count(n: int) -> Iterator[int]:
    yield from range(n)
    yield os.getpid()


async def count_in_a_loop(n: int) -> AsyncIterator[int]:
    for x in range(n):
        yield x
    yield os.getpid()


def block() -> None:
    try:
        threading.Event().wait()
    except Exception:
        raise AssertionError("The function has stopped its own time limit.") from None


async def block_in_a_loop() -> None:
    block()


def test_an_exception_that_pickle_cannot_make_anew_arrives_as_what_it_was(elsewhere: Elsewhere) -> None:
    with pytest.raises(Odd, match="1 and 2") as caught:
        elsewhere(raise_odd)
    assert caught.value.second == 2


def test_an_exception_arrives_with_the_traceback_it_had_there(elsewhere: Elsewhere) -> None:
    with pytest.raises(Odd) as caught:
        elsewhere(raise_odd)
    note = caught.value.__notes__[0]
    assert "raise Odd(1, 2)" in note
    assert "child.py" not in note


def test_an_exception_of_a_class_that_only_this_process_has_can_be_caught_here(elsewhere: Elsewhere) -> None:
    class Mine(Exception):
        pass

    def fail() -> None:
        raise Mine("x")

    with pytest.raises(Mine, match="x"):
        elsewhere(fail)


def test_an_exception_that_cannot_be_sent_at_all_arrives_as_its_text(elsewhere: Elsewhere) -> None:
    with pytest.raises(FailedRun, match=r"ValueError: \('held'"):
        elsewhere(raise_with_a_lock)


def test_a_failing_function_does_not_end_its_process(elsewhere: Elsewhere) -> None:
    before = elsewhere(os.getpid)
    for fail in (raise_odd, raise_with_a_lock, Unreadable):
        with pytest.raises((Odd, FailedRun, SerializationError)):
            elsewhere(fail)
    assert elsewhere(os.getpid) == before


def test_an_argument_that_cannot_be_sent_is_named(elsewhere: Elsewhere) -> None:
    with pytest.raises(SerializationError, match=r"Argument 'n' of task run 'work-0' cannot be sent.*'_thread.lock'"):
        elsewhere(count, threading.Lock())


def test_a_function_that_cannot_be_sent_is_named(elsewhere: Elsewhere) -> None:
    lock = threading.Lock()
    with pytest.raises(SerializationError, match="The function of task run 'work-0' cannot be sent"):
        elsewhere(lambda: lock)


def test_a_result_that_cannot_be_sent_or_read_says_so(elsewhere: Elsewhere) -> None:
    with pytest.raises(SerializationError, match="The result of task run 'work-0' cannot be sent back"):
        elsewhere(return_a_lock)
    with pytest.raises(SerializationError, match=r"The result of task run 'work-0' cannot be read.*ValueError"):
        elsewhere(Unreadable)


@pytest.mark.parametrize("fn", [count, count_in_a_loop])
def test_a_generator_is_run_to_its_end_over_there(elsewhere: Elsewhere, fn: Any) -> None:
    *items, pid = elsewhere(fn, 3)
    assert items == [0, 1, 2]
    assert pid != os.getpid()


@pytest.mark.parametrize("fn", [block, block_in_a_loop])
def test_a_time_limit_interrupts_the_function_and_the_process_goes_on(elsewhere: Elsewhere, fn: Any) -> None:
    before = elsewhere(os.getpid)
    with pytest.raises(TimeLimitReached):
        elsewhere(fn, timeout_seconds=0.01)
    assert elsewhere(os.getpid, timeout_seconds=60) == before
    assert elsewhere(signal.getitimer, signal.ITIMER_REAL) == (0, 0)


def test_a_process_that_dies_is_replaced(elsewhere: Elsewhere) -> None:
    with pytest.raises(ProcessDied, match="work-0"):
        elsewhere(os._exit, 1)
    assert elsewhere(os.getpid) != os.getpid()
