"""When a message is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers.outbox.attempts import LIFETIME, next_attempt

SECOND = 1_000_000
NO_JITTER = 0.5


def test_delays_grow_from_a_second_to_a_quarter_of_an_hour() -> None:
    delays = [next_attempt(n, 0, LIFETIME, NO_JITTER) for n in (1, 2, 3, 10, 11, 1000)]

    assert delays == [1 * SECOND, 2 * SECOND, 4 * SECOND, 512 * SECOND, 900 * SECOND, 900 * SECOND]


def test_a_target_that_asks_to_be_left_alone_is() -> None:
    assert next_attempt(1, 0, LIFETIME, NO_JITTER, retry_after=30) == 30 * SECOND
    assert next_attempt(11, 0, LIFETIME, NO_JITTER, retry_after=30) == 900 * SECOND


def test_the_last_attempt_is_at_the_deadline_and_none_comes_after() -> None:
    deadline = 100 * SECOND

    assert next_attempt(11, 99 * SECOND, deadline, NO_JITTER) == deadline
    assert next_attempt(1, 0, deadline, NO_JITTER, retry_after=1e12) == deadline
    assert next_attempt(12, deadline, deadline, NO_JITTER) is None


@given(st.integers(0, 100_000), st.integers(0, LIFETIME), st.floats(0, 1, exclude_max=True))
def test_the_next_attempt_is_always_ahead_and_soon_enough(failures: int, now: int, draw: float) -> None:
    instant = next_attempt(failures, now, LIFETIME, draw)

    if now < LIFETIME:
        assert instant is not None
        assert now < instant <= min(LIFETIME, now + 1080 * SECOND)
