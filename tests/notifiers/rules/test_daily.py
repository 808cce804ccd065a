"""Times of day, also when clocks are changed."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers.rules import Daily, Quiet
from segue_notifiers.rules.daily import end_of_quiet, next_time

BERLIN = "Europe/Berlin"


def us(text: str) -> int:
    """An instant in UTC, in µs."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def text(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000_000, UTC).isoformat(timespec="minutes")[:16]


@pytest.mark.parametrize(
    ("daily", "after", "then"),
    [
        (Daily(at=time(6)), "2026-01-05T05:59", "2026-01-05T06:00"),
        (Daily(at=time(6)), "2026-01-05T06:00", "2026-01-06T06:00"),
        (Daily(at=time(6), days=("mon",)), "2026-01-05T06:00", "2026-01-12T06:00"),
        (Daily(at=time(6), timezone=BERLIN), "2026-01-05T04:00", "2026-01-05T05:00"),
        (Daily(at=time(6), timezone=BERLIN), "2026-07-05T03:00", "2026-07-05T04:00"),
        (Daily(at=time(0, 30), timezone="Pacific/Auckland"), "2026-01-05T11:00", "2026-01-05T11:30"),
        # 02:30 is left out on this day, and comes twice on that one.
        (Daily(at=time(2, 30), timezone=BERLIN), "2026-03-28T12:00", "2026-03-29T01:30"),
        (Daily(at=time(2, 30), timezone=BERLIN), "2026-10-24T12:00", "2026-10-25T00:30"),
        (Daily(at=time(2, 30), timezone=BERLIN), "2026-10-25T00:30", "2026-10-26T01:30"),
    ],
)
def test_the_next_time_of_day(daily: Daily, after: str, then: str) -> None:
    assert text(next_time(daily, us(after))) == then


@given(
    st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC", "Africa/Casablanca"]),
    st.times(timezones=st.none()),
    st.integers(us("2020-01-01T00:00"), us("2035-01-01T00:00")),
)
def test_it_comes_once_on_each_local_day(zone: str, at: time, now: int) -> None:
    daily = Daily(at=at.replace(fold=0), timezone=zone)
    days = list[int]()

    for _ in range(370):
        now = next_time(daily, now)
        days.append(datetime.fromtimestamp(now // 1_000_000, ZoneInfo(zone)).toordinal())

    assert days == list(range(days[0], days[0] + 370))


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-03-28T20:59", None),
        ("2026-03-28T21:00", "2026-03-29T04:00"),
        ("2026-03-29T03:59", "2026-03-29T04:00"),
        ("2026-03-29T04:00", None),
        ("2026-03-29T20:00", "2026-03-30T04:00"),
    ],
)
def test_quiet_hours_over_a_change_of_clocks(now: str, end: str | None) -> None:
    until = end_of_quiet(Quiet(begin=time(22), end=time(6), timezone=BERLIN), us(now))

    assert (until and text(until)) == end
