"""Cache policies: what a key depends on, and when there is none."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import pydantic
import pytest

from segue.cache_policies import (
    DEFAULT,
    FLOW_PARAMETERS,
    INPUTS,
    NO_CACHE,
    NONE,
    RUN_ID,
    TASK_SOURCE,
    CacheKeyFnPolicy,
    CachePolicy,
    CompoundCachePolicy,
    Inputs,
    task_input_hash,
)
from segue.exceptions import HashError


def add(x: int, y: int) -> int:
    return x + y


@dataclass
class FakeTask:
    source: str = "def add(x, y): ..."
    fn: Any = add


@dataclass
class FakeTaskRun:
    id: str = "task-run"
    flow_run_id: str = "flow-run"


@dataclass
class FakeContext:
    task: FakeTask = field(default_factory=FakeTask)
    task_run: FakeTaskRun = field(default_factory=FakeTaskRun)


def key(
    policy: CachePolicy,
    inputs: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    *,
    source: str = "def add(x, y): ...",
    run: str = "flow-run",
    task_run: str = "task-run",
) -> str | None:
    context = FakeContext(FakeTask(source), FakeTaskRun(task_run, run))
    return policy.compute_key(context, {"x": 1, "y": 2} if inputs is None else inputs, parameters)


class Model(pydantic.BaseModel):
    names: set[str]


def test_inputs_make_the_key() -> None:
    assert key(INPUTS) == key(INPUTS, {"y": 2, "x": 1}) == key(INPUTS, run="other", source="other")
    assert (
        len({key(INPUTS), key(INPUTS, {"x": 1}), key(INPUTS, {"x": True, "y": 2}), key(INPUTS, {"x": 1.0, "y": 2})})
        == 4
    )


def test_models_and_sets_are_inputs_too() -> None:
    assert key(INPUTS, {"x": Model(names={"a", "b", "c"})}) == key(INPUTS, {"x": Model(names={"c", "b", "a"})})
    assert key(INPUTS, {"x": Model(names={"a"})}) != key(INPUTS, {"x": Model(names={"b"})})


def test_the_source_makes_the_key() -> None:
    assert key(TASK_SOURCE) == key(TASK_SOURCE, {"x": 9})
    assert key(TASK_SOURCE) != key(TASK_SOURCE, source="def add(x, y): return 0")


def test_the_run_makes_the_key_and_outside_of_one_the_task_run() -> None:
    assert key(RUN_ID) == "flow-run"
    assert key(RUN_ID, run="", task_run="one") != key(RUN_ID, run="", task_run="two")


def test_the_flows_parameters_make_the_key() -> None:
    assert key(FLOW_PARAMETERS, parameters={"a": 1}) != key(FLOW_PARAMETERS, parameters={"a": 2})
    assert key(FLOW_PARAMETERS) is None


def test_the_default_depends_on_inputs_source_and_run() -> None:
    changed = [key(DEFAULT), key(DEFAULT, {"x": 2}), key(DEFAULT, source="other"), key(DEFAULT, run="other")]

    assert len(set(changed)) == 4
    assert key(DEFAULT) == key(INPUTS + TASK_SOURCE + RUN_ID) == key(INPUTS + (TASK_SOURCE + RUN_ID))
    assert key(DEFAULT, parameters={"a": 1}) == key(DEFAULT)


def test_a_task_without_inputs_is_cached_by_what_else_there_is() -> None:
    assert key(INPUTS, {}) is None
    assert key(DEFAULT, {}) is not None
    assert key(INPUTS + FLOW_PARAMETERS, {}) is None


def test_no_cache_has_no_key_and_adds_nothing() -> None:
    assert NONE is NO_CACHE
    assert key(NO_CACHE) is None
    assert key(INPUTS + NO_CACHE) == key(NO_CACHE + INPUTS) == key(INPUTS)
    assert key(CompoundCachePolicy(policies=[INPUTS, NO_CACHE])) == key(CompoundCachePolicy(policies=[INPUTS]))
    assert key(CompoundCachePolicy(policies=[NO_CACHE])) is None


@pytest.mark.parametrize("policy", [INPUTS - "y", DEFAULT - "y", TASK_SOURCE + INPUTS - "y", Inputs(exclude=["y"])])
def test_an_input_can_be_left_out(policy: CachePolicy) -> None:
    assert key(policy, {"x": 1, "y": threading.Lock()}) == key(policy, {"x": 1, "y": 3})
    assert key(policy, {"x": 1, "y": 3}) != key(policy, {"x": 2, "y": 3})


def test_leaving_out_changes_only_policies_of_inputs() -> None:
    assert TASK_SOURCE - "x" is TASK_SOURCE
    assert (INPUTS - "x" - "y").exclude == ("x", "y")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    assert INPUTS.exclude == ()
    with pytest.raises(TypeError, match="not 3"):
        INPUTS - 3  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]
    with pytest.raises(TypeError, match="name of an input"):
        DEFAULT - INPUTS  # pyright: ignore[reportOperatorIssue, reportUnusedExpression]


def test_an_input_without_a_hash_is_named_with_the_ways_out() -> None:
    with pytest.raises(HashError) as failed:
        key(INPUTS, {"x": 1, "client": threading.Lock()})

    said = str(failed.value)
    assert "argument 'client' (lock) has no hash: _thread.lock cannot be taken apart" in said
    assert "- 'client'" in said
    assert "cache_key_fn" in said
    assert "NO_CACHE" in said


def test_a_sum_fails_as_a_whole_with_one_of_its_parts() -> None:
    for policy in (DEFAULT, RUN_ID + INPUTS, TASK_SOURCE + FLOW_PARAMETERS):
        with pytest.raises(HashError):
            key(policy, {"x": threading.Lock()}, {"p": threading.Lock()})


def test_a_function_makes_the_key() -> None:
    policy = CachePolicy.from_cache_key_fn(lambda context, inputs: f"{context.task_run.id}-{inputs['x']}")

    assert key(policy) == "task-run-1"
    assert key(policy + INPUTS, {"x": 1, "y": 2}) != key(policy + INPUTS, {"x": 1, "y": 3})


def test_a_function_that_returns_none_forbids_to_cache_also_in_a_sum() -> None:
    policy = CacheKeyFnPolicy(cache_key_fn=lambda *_: None)

    assert key(policy) is None
    assert key(policy + INPUTS) is None
    assert key(INPUTS + policy) is None


def broken(*_: Any) -> str:
    raise ZeroDivisionError("x")


@pytest.mark.parametrize(("fn", "says"), [(lambda *_: 3, "returned 3"), (broken, "raised ZeroDivisionError: x")])
def test_a_function_that_makes_no_key_is_told(fn: Any, says: str) -> None:
    with pytest.raises(HashError, match=says):
        key(INPUTS + CacheKeyFnPolicy(cache_key_fn=fn))


def test_a_policy_of_ones_own_adds_up() -> None:
    @dataclass
    class Season(CachePolicy):
        name: str = "spring"

        def compute_key(self, *_: Any, **__: Any) -> str | None:
            return self.name

    assert key(Season() + INPUTS) == key(Season(name="spring") + INPUTS) != key(Season(name="autumn") + INPUTS)


def test_settings_are_kept_in_sums() -> None:
    configured = INPUTS.configure(key_storage="here", isolation_level="SERIALIZABLE")

    total = (configured + RUN_ID) - "x"

    assert INPUTS.key_storage is None
    assert (total.key_storage, total.isolation_level, total.lock_manager) == ("here", "SERIALIZABLE", None)
    assert key(configured) == key(INPUTS)
    assert RUN_ID.configure(lock_manager="lock").configure(key_storage="there").lock_manager == "lock"
    with pytest.raises(ValueError, match="different values of key_storage"):
        configured + RUN_ID.configure(key_storage="there")


def test_task_input_hash_is_a_key_function() -> None:
    policy = CacheKeyFnPolicy(cache_key_fn=task_input_hash)

    assert key(policy) == key(policy)
    assert len({key(policy), key(policy, {"x": 2}), key(policy, source="other")}) == 3
    assert key(policy, {"x": threading.Lock()}) is None
