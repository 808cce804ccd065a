"""Task runners: bounded pools that do not lock up, and functions called in other processes."""

import threading
from typing import Any

import pytest

from segue import flow, task
from segue.futures import wait
from segue.task_runners import ThreadPoolTaskRunner
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


def test_a_pool_without_workers_is_refused() -> None:
    with pytest.raises(ValueError, match="max_workers must be 1 or more, not 0"):
        ThreadPoolTaskRunner(max_workers=0)
