"""Retries: how many, after which delays, and what is refused as a delay."""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.retries import RetryPolicy, exponential_backoff, retry_policy


def delays(policy: RetryPolicy, attempts: int) -> list[float | None]:
    return [policy.delay_after(attempt, Random(0)) for attempt in range(1, attempts + 1)]


@pytest.mark.parametrize(
    ("retries", "delay", "expected"),
    [
        (None, None, [None]),
        (0, [1, 2], [None, None]),
        (2, None, [0, 0, None]),
        (2, 1.5, [1.5, 1.5, None]),
        (4, [1, 60], [1, 60, 60, 60, None]),
        (1, [], [0, None]),
        (1, [1, 60], [1, None]),
        (3, lambda retries: [retries, 9], [3, 9, 9, None]),
        (3, exponential_backoff(10), [10, 20, 40, None]),
    ],
)
def test_delays_follow_the_option(retries: int | None, delay: Any, expected: list[float | None]) -> None:
    assert delays(retry_policy(retries, delay), len(expected)) == expected


def test_exponential_backoff_stops_at_50_delays_and_repeats_the_last() -> None:
    policy = retry_policy(60, exponential_backoff(0.5))

    assert policy.delay_after(50, Random(0)) == policy.delay_after(60, Random(0)) == 0.5 * 2**49


@settings(deadline=None)
@given(
    st.integers(0, 20),
    st.lists(st.floats(0, 1e6), max_size=50),
    st.floats(0, 10),
    st.integers(1, 30),
    st.randoms(use_true_random=False),
)
def test_jitter_never_makes_a_delay_shorter_nor_longer_than_its_factor(
    retries: int, given_delays: list[float], jitter: float, attempt: int, random: Random
) -> None:
    plain = retry_policy(retries, given_delays).delay_after(attempt, random)
    jittered = retry_policy(retries, given_delays, jitter).delay_after(attempt, random)

    if plain is None:
        assert jittered is None
    else:
        assert jittered is not None
        assert plain <= jittered <= plain * (1 + jitter) * (1 + 1e-12)


def test_jitter_spreads_delays_over_its_range() -> None:
    policy = retry_policy(1, 10, 0.5)
    random = Random(1)

    spread = sorted(policy.delay_after(1, random) or 0 for _ in range(1000))

    assert 10 <= spread[0] < 10.1
    assert 14.9 < spread[-1] <= 15
    assert sum(spread) / 1000 == pytest.approx(12.5, rel=0.02)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: retry_policy(-1), ValueError, "retries must be 0 or more, not -1"),
        (lambda: retry_policy("3"), TypeError, "retries must be a whole number, not '3'"),  # pyright: ignore[reportArgumentType]
        (lambda: retry_policy(True), TypeError, "retries"),
        (lambda: retry_policy(1, [1] * 51), ValueError, "at most 50 retry delays"),
        (lambda: retry_policy(1, lambda _: [1] * 51), ValueError, "at most 50 retry delays"),
        (lambda: retry_policy(1, "5"), TypeError, "retry_delay_seconds must be a number, a list"),  # pyright: ignore[reportArgumentType]
        (lambda: retry_policy(1, ["5"]), TypeError, "not '5'"),  # pyright: ignore[reportArgumentType]
        (lambda: retry_policy(1, {1: 2}), TypeError, "retry_delay_seconds"),  # pyright: ignore[reportArgumentType]
        (lambda: retry_policy(1, -0.1), ValueError, "retry_delay_seconds must be 0 or more, not -0.1"),
        (lambda: retry_policy(1, [1, math.nan]), ValueError, "not nan"),
        (lambda: retry_policy(1, 1, -0.5), ValueError, "retry_jitter_factor must be 0 or more, not -0.5"),
        (lambda: retry_policy(1, 1, "x"), TypeError, "retry_jitter_factor must be a number"),  # pyright: ignore[reportArgumentType]
        (lambda: exponential_backoff(-1), ValueError, "backoff_factor"),
    ],
)
def test_options_that_cannot_work_are_refused(make: Callable[[], Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()
