"""Times of day as instants: once a day, also on the days when clocks are changed."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from segue_notifiers.rules.rule import WEEKDAYS, Daily, Quiet, Weekday

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_A_DAY = timedelta(days=1)


def next_time(daily: Daily, after: int) -> int:
    """Return the first instant later than `after` at which it is that time of day (both in µs since 1970)."""
    zone = ZoneInfo(daily.timezone)
    for day in _days(_local_date(after, zone), daily.days):
        at = _instant(day, daily.at, zone)
        if at > after:
            return at
    raise AssertionError("A week has each of its days.")


def end_of_quiet(quiet: Quiet, now: int) -> int | None:
    """Return when the quiet hours end that it is now (both in µs since 1970); None while it is not quiet."""
    zone = ZoneInfo(quiet.timezone)
    today = _local_date(now, zone)
    for day in (today - _A_DAY, today):
        if WEEKDAYS[day.weekday()] not in quiet.days:
            continue
        last = day if quiet.begin < quiet.end else day + _A_DAY
        end = _instant(last, quiet.end, zone)
        if _instant(day, quiet.begin, zone) <= now < end:
            return end
    return None


def _days(first: date, weekdays: tuple[Weekday, ...]) -> Iterator[date]:
    """The days of a week and two, from the first on, that are such weekdays."""
    for number in range(9):
        day = first + number * _A_DAY
        if WEEKDAYS[day.weekday()] in weekdays:
            yield day


def _local_date(at: int, zone: ZoneInfo) -> date:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(zone).date()


def _instant(day: date, at: time, zone: ZoneInfo) -> int:
    # A time that a day has twice is its first one; one that it has not is as much later as the clock was put on.
    local = datetime.combine(day, at.replace(fold=0), tzinfo=zone)
    # In UTC, since times of one zone are subtracted by what their clocks show.
    return (local.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1)
