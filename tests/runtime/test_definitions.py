"""What flows and tasks are made of: refused where they are written when they cannot work."""

from typing import Any

import pytest

from segue import flow, task
from segue.cache_policies import INPUTS
from segue.exceptions import ReservedArgumentError
from segue.retries import RetryPolicy


@pytest.mark.parametrize(("made", "noun"), [(flow, "Flow"), (task, "Task")])
@pytest.mark.parametrize("name", ["wait_for", "return_state"])
def test_a_parameter_that_calls_need_for_themselves_is_refused(made: Any, noun: str, name: str) -> None:
    def f(x: int, wait_for: Any = None) -> int:
        return x

    def g(return_state: bool) -> bool:
        return return_state

    with pytest.raises(ReservedArgumentError, match=f"{noun} 'mine' has a parameter '{name}'"):
        made(name="mine")(f if name == "wait_for" else g)


def test_a_cache_policy_is_one() -> None:
    assert task(cache_policy=INPUTS)(print).options.cache_policy is INPUTS
    with pytest.raises(TypeError, match="cache_policy must be a CachePolicy such as INPUTS, not 'inputs'"):
        task(cache_policy="inputs")(print)


@pytest.mark.parametrize("made", [flow, task])
def test_options_of_retries_are_looked_at_without_retries_too(made: Any) -> None:
    with pytest.raises(ValueError, match="retry_jitter_factor must be 0 or more, not -1"):
        made(retry_jitter_factor=-1)(lambda: None)
    with pytest.raises(TypeError, match="retry_delay_seconds"):
        made(retry_delay_seconds="5")(lambda: None)
    with pytest.raises(ValueError, match="retry_jitter_factor"):
        made(retry_jitter_factor=-1, retry_delay_seconds=lambda retries: [retries])(lambda: None)


def test_an_options_delay_serves_for_the_settings_retries() -> None:
    one = task(retry_delay_seconds=5, retry_jitter_factor=1)(print)
    assert one.policy(2, 7) == RetryPolicy(2, (5.0,), 1.0)
    assert one.policy(3, 7) == RetryPolicy(3, (5.0,), 1.0)
    assert one.policy(3, 7) is one.policy(3, 7)


def test_a_delay_of_the_settings_serves_for_an_options_retries() -> None:
    assert task(retries=2)(print).policy(0, 7) == RetryPolicy(2, (7.0,))
    assert task(retries=2, retry_delay_seconds=0)(print).policy(0, 7) == RetryPolicy(2, (0.0,))


def test_no_retries_at_all_are_an_options_to_say() -> None:
    assert flow(retries=0)(lambda: None).policy(5, 7).retries == 0


def test_a_function_of_the_retries_is_told_how_many_there_are() -> None:
    asked: list[int] = []

    def delays(retries: int) -> list[float]:
        asked.append(retries)
        return [1.0] * retries

    assert task(retry_delay_seconds=delays)(print).policy(3, None) == RetryPolicy(3, (1.0, 1.0, 1.0))
    assert asked == [3]
