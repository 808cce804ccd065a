"""Schedules against an oracle that walks through time minute by minute, at every change of clocks from 2024 to 2030."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from segue.records.work import Schedule
from segue.scheduling.instants import between, instants_of
from segue.states import instant, microseconds

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
# Half an hour, two hours, changes at midnight, twice a year around Ramadan, south of the equator, and none at all.
ZONES = [
    "America/New_York",
    "Europe/Berlin",
    "Europe/London",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "Africa/Cairo",
    "America/Santiago",
    "Asia/Beirut",
    "America/Havana",
    "Pacific/Chatham",
    "Asia/Gaza",
    "America/St_Johns",
    "Asia/Kolkata",
    "UTC",
]
# Expressions of which minutes and hours are named: those of each day happen once.
FIXED = ["30 2 * * *", "0 0 * * *", "15,45 1,2,3 * * *", "5 3 * * 0", "0 9 * * 1-5", "59 23 * * *", "0 1-3 * * *"]
# What has a star for one of them goes by what clocks show.
SHOWN = ["* * * * *", "*/15 * * * *", "0 * * * *", "*/20 2 * * *", "10 */2 * * *", "* 0 * * *", "*/7 1-3 * * *"]


@cache
def changes(zone: str) -> list[int]:
    """Return each minute from 2024 to 2030 at which clocks of the zone are set."""
    found, at = [], microseconds(datetime(2024, 1, 1, tzinfo=UTC))
    while at < microseconds(datetime(2031, 1, 1, tzinfo=UTC)):
        if offset(at, zone) != offset(at + HOUR, zone):
            found.append(next(at + n * MINUTE for n in range(61) if offset(at + n * MINUTE, zone) != offset(at, zone)))
        at += HOUR
    return found


def offset(at: int, zone: str) -> timedelta | None:
    return instant(at).astimezone(ZoneInfo(zone)).utcoffset()


def shown(at: int, zone: str) -> datetime:
    return instant(at).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


@cache
def field(text: str, least: int, most: int) -> set[int]:
    """Return the numbers of a field of a cron expression."""
    numbers: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{least}-{most}" if span == "*" else span).partition("-")
        numbers.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return numbers


def fits(expression: str, wall: datetime) -> bool:
    minute, hour, _, _, weekday = expression.split()
    return (
        wall.minute in field(minute, 0, 59)
        and wall.hour in field(hour, 0, 23)
        and (wall.weekday() + 1) % 7 in field(weekday, 0, 6)
    )


def showing(expression: str, zone: str, start: int, end: int) -> list[int]:
    """Return the minutes after `start` up to `end` at which clocks show what fits."""
    minutes = range(start - start % MINUTE + MINUTE, end + 1, MINUTE)
    return [at for at in minutes if fits(expression, shown(at, zone))]


def once(expression: str, zone: str, start: int, end: int) -> list[int]:
    """Return for each wall time that fits the first minute at which clocks show it, or have just leapt over it."""
    found: list[int] = []
    latest = shown(start - DAY, zone)
    for at in range(start - DAY + MINUTE, end + 1, MINUTE):
        wall = shown(at, zone)
        passed = range((wall - latest) // timedelta(minutes=1) if wall > latest else 0)
        if any(fits(expression, wall - timedelta(minutes=number)) for number in passed):
            found.append(at)
        latest = max(latest, wall)
    return [at for at in found if at > start]


@pytest.mark.parametrize("zone", ZONES)
def test_cron_is_right_at_every_change_of_clocks(zone: str) -> None:
    compared = 0
    for change in changes(zone) or [microseconds(datetime(2028, 2, 29, tzinfo=UTC))]:
        # In turn, since the oracle is slow: each expression meets changes in both directions.
        number = changes(zone).index(change) if changes(zone) else 0
        start, end = change - 4 * HOUR, change + 4 * HOUR
        for expressions, oracle in ((FIXED, once), (SHOWN, showing)):
            expression = expressions[number // 2 % len(expressions)]
            schedule = instants_of(Schedule(id="s", cron=expression, timezone=zone))
            expected = oracle(expression, zone, start, end)
            assert list(between(schedule, start, end)) == expected, (expression, instant(change))
            compared += 1
    assert compared >= 2


@pytest.mark.parametrize("expression", [*FIXED, *SHOWN])
@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Antarctica/Troll"])
def test_every_form_of_cron_is_right_at_both_changes_of_a_year(zone: str, expression: str) -> None:
    schedule = instants_of(Schedule(id="s", cron=expression, timezone=zone))
    oracle = once if expression in FIXED else showing

    for change in changes(zone)[:2]:
        start, end = change - 3 * HOUR, change + 3 * HOUR
        assert list(between(schedule, start, end)) == oracle(expression, zone, start, end)


@pytest.mark.parametrize("zone", ZONES)
def test_intervals_of_days_keep_the_time_of_day_and_shorter_ones_their_span(zone: str) -> None:
    anchor = microseconds(datetime(2024, 1, 1, 9, 30, tzinfo=ZoneInfo(zone)))
    daily = instants_of(Schedule(id="s", interval=86_400, anchor=anchor, timezone=zone))
    often = instants_of(Schedule(id="s", interval=5400, anchor=anchor, timezone=zone))

    for change in changes(zone):
        assert {shown(at, zone).time().isoformat() for at in between(daily, change - 3 * DAY, change + 3 * DAY)} == {
            "09:30:00"
        }
        spans = list(between(often, change - 6 * HOUR, change + 6 * HOUR))
        assert {after - before for before, after in pairwise(spans)} == {5400 * 1_000_000}


@pytest.mark.parametrize("zone", ZONES)
def test_a_daily_interval_has_one_instant_a_day_also_where_its_time_is_leapt_over_or_comes_twice(zone: str) -> None:
    for change in changes(zone):
        # The wall time just before the change, and what clocks show just after: one of them is not unique.
        for wall in (shown(change - MINUTE, zone), shown(change, zone), shown(change, zone) - timedelta(minutes=10)):
            anchor = microseconds((wall - timedelta(days=40)).replace(tzinfo=ZoneInfo(zone)))
            daily = instants_of(Schedule(id="s", interval=86_400, anchor=anchor, timezone=zone))
            found = list(between(daily, change - 5 * DAY, change + 5 * DAY))
            assert len({shown(at, zone).date() for at in found}) == len(found)
            assert 9 <= len(found) <= 11


@pytest.mark.parametrize("zone", ZONES)
def test_a_rule_of_hours_goes_by_what_clocks_show_and_a_daily_rule_is_once_a_day(zone: str) -> None:
    hourly = instants_of(Schedule(id="s", rrule="FREQ=HOURLY;BYMINUTE=5,35", timezone=zone))
    daily = instants_of(Schedule(id="s", rrule="FREQ=DAILY;BYHOUR=0,2;BYMINUTE=30", timezone=zone))

    for change in changes(zone)[:8]:
        start, end = change - 4 * HOUR, change + 4 * HOUR
        assert list(between(hourly, start, end)) == showing("5,35 * * * *", zone, start, end)
        assert list(between(daily, start, end)) == once("30 0,2 * * *", zone, start, end)


def test_the_oracle_has_changes_to_look_at() -> None:
    assert sum(len(changes(zone)) for zone in ZONES) > 150


def the_days(rule: str, count: int) -> Iterator[str]:
    schedule = instants_of(Schedule(id="s", rrule=rule))
    at: int | None = microseconds(datetime(2026, 1, 1, tzinfo=UTC)) - 1
    for _ in range(count):
        at = schedule.next_after(at or 0)
        yield instant(at or 0).date().isoformat()


def test_leap_days_and_ends_of_years_are_found() -> None:
    assert list(the_days("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", 2)) == ["2028-02-29", "2032-02-29"]
    assert list(the_days("FREQ=MONTHLY;BYMONTHDAY=31", 3)) == ["2026-01-31", "2026-03-31", "2026-05-31"]
    assert list(the_days("FREQ=YEARLY;BYYEARDAY=-1", 2)) == ["2026-12-31", "2027-12-31"]
