"""The machine's clock."""

from datetime import UTC, timedelta

from segue_events import SystemClock


def test_now_is_aware_and_agrees_with_its_microseconds() -> None:
    clock = SystemClock()
    before, now, after = clock.now_us(), clock.now(), clock.now_us()
    assert now.tzinfo is UTC
    assert before <= round(now.timestamp() * 1_000_000) <= after


async def test_sleeping_lets_time_pass() -> None:
    clock = SystemClock()
    began = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() >= began + 0.001


async def test_an_instant_of_the_past_is_not_waited_for() -> None:
    clock = SystemClock()
    instant = clock.now() + timedelta(milliseconds=2)
    await clock.sleep_until(instant)
    assert clock.now() >= instant
    await clock.sleep_until(instant - timedelta(days=1))


def test_plain_code_can_wait() -> None:
    clock = SystemClock()
    began = clock.monotonic()
    clock.block(0.001)
    assert clock.monotonic() >= began + 0.001
