"""Options of flows and tasks: what cannot work is refused where it stands, by name and value."""

from datetime import timedelta
from typing import Any

import pytest

from segue.options import flow_options, task_options

WRONG_TYPES: list[tuple[str, Any]] = [
    ("name", 5),
    ("description", 5),
    ("version", 5),
    ("task_run_name", 5),
    ("cache_key_fn", "key"),
    ("cache_expiration", 5),
    ("retry_condition_fn", 3),
    ("tags", "abc"),
    ("tags", ["abc", 5]),
    ("tags", 5),
    ("timeout_seconds", "5"),
    ("timeout_seconds", True),
    ("timeout_seconds", timedelta(seconds=5)),
    ("persist_result", "yes"),
    ("log_prints", 1),
    ("result_storage", 5),
    ("on_failure", [5]),
]


@pytest.mark.parametrize(("name", "value"), WRONG_TYPES)
def test_a_value_of_a_wrong_type_is_named_with_its_option(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=name) as caught:
        task_options({name: value})  # type: ignore[misc]
    culprit = value[-1] if isinstance(value, list) else value
    assert repr(culprit) in str(caught.value)


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_time_limit_is_finite_and_more_than_nothing(seconds: float) -> None:
    with pytest.raises(ValueError, match=f"timeout_seconds .* not {seconds}"):
        flow_options({"timeout_seconds": seconds})


def test_a_flows_run_name_is_a_template_or_a_function() -> None:
    assert flow_options({"flow_run_name": "load-{day}"}).flow_run_name == "load-{day}"
    assert callable(flow_options({"flow_run_name": lambda: "x"}).flow_run_name)
    with pytest.raises(TypeError, match="flow_run_name must be a string or a function that returns one, not 5"):
        flow_options({"flow_run_name": 5})  # type: ignore[typeddict-item]


def test_options_that_work_are_taken_as_they_are() -> None:
    options = task_options(
        {"tags": ["a", "b"], "timeout_seconds": 5, "cache_expiration": timedelta(days=1), "description": None}
    )
    assert options.tags == {"a", "b"}
    assert options.timeout_seconds == 5
    assert task_options({"tags": None}, options).tags == frozenset()


def test_prefects_cache_in_memory_is_accepted() -> None:
    assert not task_options({"cache_result_in_memory": False}).cache_result_in_memory
