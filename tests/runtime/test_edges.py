"""Where runs meet the odd corners of Python: generators, methods, hooks, cancellation, threads, forks."""

import asyncio
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from segue import flow, task
from segue.cache_policies import INPUTS
from segue.exceptions import BlockingInLoopError
from segue.testing import Harness


@task
def ok(x: Any = None) -> Any:
    return x


@task
async def later(x: Any = None) -> Any:
    await asyncio.sleep(0)
    return x


# --- caching ---


def test_a_generator_is_never_cached(harness: Harness) -> None:
    @task(cache_policy=INPUTS)
    def count(n: int) -> Any:
        yield from range(n)

    assert [list(count(3)), list(count(3))] == [[0, 1, 2]] * 2


def test_a_cached_method_knows_its_object(harness: Harness) -> None:
    class Scales:
        def __init__(self, factor: int) -> None:
            self.factor = factor

        @task(cache_policy=INPUTS)
        def weigh(self, x: int) -> int:
            return self.factor * x

    assert [Scales(2).weigh(10), Scales(3).weigh(10), Scales(2).weigh(10)] == [20, 30, 20]
    assert harness.states(harness.runs()[2])[-1] == "Cached"


def test_a_method_maps_over_its_own_arguments_only(harness: Harness) -> None:
    class Box(list[int]):
        @task
        def add(self, x: int) -> int:
            return sum(self) + x

    assert flow(lambda: Box([1, 2]).add.map([10, 20]).result())() == [13, 23]


# --- subflows ---


def test_each_attempt_of_a_task_starts_a_subflow_of_its_own(harness: Harness) -> None:
    attempts: list[int] = []

    @flow(name="child")
    def child() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("first")

    @task(retries=1)
    def calls() -> None:
        child()

    flow(lambda: calls())()
    ids = [e.subject for e in harness.backend.events if e.payload.get("flow") == "child"]
    assert len(set(ids)) == 2


def test_subflows_in_hooks_are_runs_of_their_own(harness: Harness) -> None:
    child = flow(name="child")(lambda: None)

    @flow(on_running=[lambda *_: child()], on_completion=[lambda *_: child()])
    def f() -> None:
        child()

    f()
    ids = [e.subject for e in harness.backend.events if e.payload.get("flow") == "child"]
    assert len(set(ids)) == 3


# --- hooks ---


def test_what_interrupts_a_hook_after_the_end_does_not_change_how_the_run_ended(harness: Harness) -> None:
    def leave(*_: object) -> None:
        sys.exit(3)

    with pytest.raises(SystemExit):
        flow(name="f", on_completion=[leave])(lambda: None)()
    assert harness.states("f") == ["Pending", "Running", "Completed"]


# --- inputs ---


async def test_a_call_that_would_block_the_loop_crashes_its_run_and_says_so(harness: Harness) -> None:
    @flow
    async def f() -> None:
        with pytest.raises(BlockingInLoopError):
            ok(later.submit(1))

    await f()
    assert harness.states("ok-0") == ["Pending", "Crashed"]


async def test_a_run_cancelled_while_it_waits_for_its_input_says_so(harness: Harness) -> None:
    gate = asyncio.Event()

    @task
    async def held() -> None:
        await gate.wait()

    @flow
    async def f() -> None:
        future = held.submit()
        waiting = asyncio.ensure_future(later(future))
        for _ in range(5):  # it begins, and comes to its input
            await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        gate.set()

    await f()
    assert harness.states("later-0") == ["Pending", "Crashed"]


def test_a_generator_waits_for_its_inputs(harness: Harness) -> None:
    @task
    def repeat(x: int) -> Any:
        yield x
        yield x

    assert flow(lambda: sum(repeat(ok.submit(2))))() == 4


def test_every_item_of_a_map_waits_for_what_a_generator_names(harness: Harness) -> None:
    @flow
    def f() -> None:
        ups = [ok.submit(1), ok.submit(2)]
        ok.map([1, 2], wait_for=(up for up in ups)).wait()

    f()
    upstreams = [e.payload["upstream"] for e in harness.backend.events if e.payload.get("upstream")]
    assert [len(found) for found in upstreams] == [2, 2]


def test_a_class_is_no_list_to_map_over(harness: Harness) -> None:
    @task
    def make(x: int, kind: type) -> Any:
        return kind(x)

    assert flow(lambda: make.map([1, 2], str).result())() == ["1", "2"]


# --- generators ---


async def test_an_asynchronous_generator_that_is_closed_early_ends_then(harness: Harness) -> None:
    ended: list[str] = []

    @task
    async def count() -> Any:
        try:
            for x in range(100):
                yield x
        finally:
            ended.append("the function")

    items = count()
    await anext(items)
    await items.aclose()
    assert ended == ["the function"]
    assert harness.states(harness.runs()[0])[-1] == "Completed"


def test_what_is_sent_and_thrown_reaches_the_users_generator(harness: Harness) -> None:
    @task
    def echo() -> Any:
        heard: Any = "nothing"
        while True:
            try:
                heard = yield heard
            except ValueError as error:
                heard = f"caught {error}"

    items = echo()
    assert [next(items), items.send("hello"), items.throw(ValueError("x"))] == ["nothing", "hello", "caught x"]
    items.close()


# --- cancellation ---


async def test_a_flow_that_is_cancelled_twice_still_waits_for_its_children(harness: Harness) -> None:
    began, cleaning, clean = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @task
    async def tidy() -> None:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cleaning.set()
            await clean.wait()

    @flow(name="f")
    async def f() -> None:
        await tidy.submit()

    running = asyncio.ensure_future(f())
    await began.wait()
    running.cancel()
    await cleaning.wait()
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    clean.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert harness.states("tidy-0")[-1] == "Cancelled"


def test_a_cancelled_child_makes_no_further_attempt(harness: Harness) -> None:
    attempts: list[int] = []
    began, go = threading.Event(), threading.Event()

    @task(retries=5)
    def stubborn() -> None:
        attempts.append(1)
        began.set()
        go.wait(5)
        raise OSError("again")

    @flow
    def f() -> None:
        stubborn.submit()
        began.wait(5)
        threading.Timer(0.02, go.set).start()
        raise ValueError("over")

    with pytest.raises(ValueError, match="over"):
        f()
    assert len(attempts) == 1


def test_nothing_can_be_submitted_to_a_flow_that_has_ended(harness: Harness) -> None:
    refused: list[BaseException] = []

    def late(*_: object) -> None:
        try:
            ok.submit(1)
        except RuntimeError as error:
            refused.append(error)

    flow(on_completion=[late])(lambda: None)()
    assert "has ended" in str(refused[0])
    assert harness.runs() == []


# --- processes ---

THREAD_OUTLIVES_MAIN = """
import threading
from segue import flow, task

gate = threading.Event()

@task
def wait():
    print("ready", flush=True)
    gate.wait()

@flow
def f():
    wait()

threading.Thread(target=f).start()
threading.Timer(0.3, gate.set).start()
"""


def test_a_flow_in_a_thread_that_outlives_the_main_one_is_recorded(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(THREAD_OUTLIVES_MAIN)
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True, timeout=30)
    listed = subprocess.run(
        [sys.executable, "-m", "segue", "flow-run", "ls"], capture_output=True, check=True, text=True
    )
    assert "Completed" in listed.stdout


FORK = """
import multiprocessing
from segue import flow, task

@task
def step(x):
    return x + 1

def work(x):
    return step(x)

@flow(name="parent")
def f():
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(work, [1, 2, 3]) == [2, 3, 4]
        pool.close()
        pool.join()

f()
"""


def test_tasks_in_a_forked_process_are_recorded_in_their_flow(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(FORK)
    subprocess.run([sys.executable, str(script)], check=True, capture_output=True, timeout=30)
    shown = subprocess.run(
        [sys.executable, "-m", "segue", "task-run", "ls"], capture_output=True, check=True, text=True
    )
    assert shown.stdout.count("Completed") == 3


def test_flows_and_tasks_are_pickled_by_name() -> None:
    assert pickle.loads(pickle.dumps(ok)) is ok
