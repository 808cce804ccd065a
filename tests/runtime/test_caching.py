"""Cached and kept results: found again, refreshed, expired, or left alone."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from segue import flow, task
from segue.cache_policies import INPUTS, NO_CACHE, TASK_SOURCE
from segue.settings import temporary_settings
from segue.testing import Harness


class Counted:
    """A value that is no JSON, made by a function that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        return x


def counted(**options: Any) -> tuple[Any, Counted]:
    """Return a task that gives back its input, and the counter of its calls."""
    fn = Counted()
    return task(name="f", **options)(fn), fn


def test_nothing_is_cached_unless_asked_for(harness: Harness) -> None:
    f, fn = counted()
    assert (f(1), f(1), fn.calls) == (1, 1, 2)


def test_equal_inputs_are_computed_once(harness: Harness) -> None:
    f, fn = counted(cache_policy=INPUTS)
    assert (f({"a": [1]}), f({"a": [1]}), f(2), fn.calls) == ({"a": [1]}, {"a": [1]}, 2, 2)
    assert harness.states(harness.runs()[1]) == ["Pending", "Running", "Cached"]


async def test_coroutines_find_cached_results_too(harness: Harness) -> None:
    calls: list[int] = []

    @task(cache_policy=INPUTS)
    async def f(x: int) -> int:
        calls.append(x)
        return x

    assert (await f(1), await f(1), calls) == (1, 1, [1])


def test_a_value_that_is_no_json_is_kept_in_a_file(harness: Harness) -> None:
    f, fn = counted(cache_policy=INPUTS)
    value = threading.Thread  # any class will do: it is pickled
    assert (f(value), f(value), fn.calls) == (value, value, 1)


def test_a_key_function_decides_what_is_equal(harness: Harness) -> None:
    f, fn = counted(cache_key_fn=lambda context, inputs: str(inputs["x"] % 2))
    assert (f(1), f(3), f(2), fn.calls) == (1, 1, 2, 2)


def test_what_has_expired_is_computed_again(harness: Harness) -> None:
    f, fn = counted(cache_policy=INPUTS, cache_expiration=timedelta(minutes=1))
    f(1)
    harness.clock.block(59)
    f(1)
    assert fn.calls == 1
    harness.clock.block(2)
    f(1)
    assert fn.calls == 2


def test_a_refresh_computes_and_replaces(harness: Harness) -> None:
    f, fn = counted(cache_policy=INPUTS)
    f(1)
    f.with_options(refresh_cache=True)(1)
    f(1)
    assert fn.calls == 2


def test_caching_can_be_switched_off_for_all(harness: Harness) -> None:
    f, fn = counted(cache_policy=INPUTS)
    with temporary_settings({"tasks_disable_caching": True}):
        f(1)
        f(1)
    assert fn.calls == 2


def test_no_cache_and_persist_result_false_mean_no(harness: Harness) -> None:
    f, fn = counted(cache_policy=NO_CACHE)
    g, gn = counted(cache_policy=INPUTS, persist_result=False)
    for one in (f, f, g, g):
        one(1)
    assert (fn.calls, gn.calls) == (2, 2)


def test_inputs_without_a_hash_run_uncached_with_one_warning(harness: Harness) -> None:
    f, fn = counted(cache_policy=INPUTS + TASK_SOURCE)
    lock = threading.Lock()
    flow(lambda: len([f(lock), f(lock)]))()
    assert fn.calls == 2
    warnings = [line for line in harness.log() if "uncached" in line]
    assert len(warnings) == 1
    assert "lock" in warnings[0]


def test_a_retried_flow_reuses_what_its_tasks_have_persisted(harness: Harness) -> None:
    f, fn = counted(persist_result=True)
    attempts: list[int] = []

    @flow(retries=1)
    def once_more() -> None:
        f(1)
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("again")

    once_more()
    assert (len(attempts), fn.calls) == (2, 1)
    once_more()
    assert fn.calls == 2


def test_a_result_lies_where_its_key_template_says(harness: Harness, tmp_path: Path) -> None:
    f, _ = counted(
        result_storage=tmp_path / "kept", result_storage_key="part-{parameters[x]}", result_serializer="json"
    )
    f(7)
    assert [path.name.split(".")[0] for path in (tmp_path / "kept").iterdir()] == ["part-7"]


def test_a_lost_file_is_computed_again_and_said(harness: Harness, tmp_path: Path) -> None:
    f, fn = counted(cache_policy=INPUTS, result_storage=tmp_path / "kept")
    f(1)
    for path in (tmp_path / "kept").iterdir():
        path.unlink()
    f(1)
    assert fn.calls == 2
    assert any("cannot be used" in line for line in harness.log())


def test_a_value_that_cannot_be_kept_fails_its_run_at_once(harness: Harness) -> None:
    f, _ = counted(persist_result=True)
    state = f(threading.Lock(), return_state=True)
    assert state.name == "Failed"
    assert "cannot" in state.message
