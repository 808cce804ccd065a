"""How fast a target is sent messages, and when it is left alone."""

from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers.outbox.limits import Breaker, TokenBucket
from segue_notifiers.target import Rate

NO_JITTER = 0.5


def test_a_burst_goes_at_once_and_then_one_at_a_time() -> None:
    bucket, instants, now = TokenBucket(Rate(most=3, per=60), now=0), [], 0.0
    for _ in range(5):
        now += bucket.wait(now)
        bucket.take(now)
        instants.append(round(now))

    assert instants == [0, 0, 0, 20, 40]


def test_a_rate_without_a_span_is_no_limit() -> None:
    bucket = TokenBucket(Rate(most=1, per=0), now=0)
    bucket.take(0)

    assert bucket.wait(0) == 0


@given(st.integers(1, 20), st.floats(0.1, 1000), st.lists(st.floats(0, 100), max_size=60))
def test_no_span_sees_more_than_a_burst_and_its_share(most: int, per: float, pauses: list[float]) -> None:
    bucket, instants, now = TokenBucket(Rate(most=most, per=per), now=0), list[float](), 0.0
    for pause in pauses:
        now += pause
        now += bucket.wait(now)
        bucket.take(now)
        instants.append(now)

    for i, begin in enumerate(instants):
        for count, end in enumerate(instants[i:], 1):
            assert count <= most + (end - begin) * most / per + 1e-6 * count + 1e-3


def test_five_failures_open_the_breaker_and_its_pauses_double_up_to_a_minute() -> None:
    breaker, pauses = Breaker(), []
    for _ in range(12):
        breaker.failed(0, NO_JITTER)
        pauses.append(breaker.wait(0))

    assert pauses == [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_success_closes_the_breaker_and_says_that_the_target_is_back() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0, NO_JITTER)
    assert breaker.is_open

    assert breaker.succeeded()

    assert not breaker.is_open
    assert not breaker.succeeded()


def test_a_target_that_asks_to_be_left_alone_is_from_the_first_time_on() -> None:
    breaker = Breaker()

    breaker.failed(100, NO_JITTER, retry_after=30)

    assert (breaker.wait(100), breaker.wait(110), breaker.wait(130)) == (30, 20, 0)
    assert not breaker.is_open
