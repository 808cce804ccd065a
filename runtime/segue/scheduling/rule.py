"""Rule: an iCalendar recurrence rule (RFC 5545) as a value: which days it takes, and which times of a day.

A library would have done, but the one there is looks through all years up to 9999 for a rule that never comes true,
a minute at a time, and cannot be stopped.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import NamedTuple

__all__ = ("Nth", "Rule")

_WEEK = timedelta(days=7)
_DAY = timedelta(days=1)
_THURSDAY = timedelta(days=3)


class Nth(NamedTuple):
    """A weekday, 0 for Monday: the nth of the month or year, from its end if negative, or each if 0."""

    weekday: int
    nth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The parts of a rule, empty where nothing is said; `start` is its first period, and where it takes times from."""

    frequency: str
    start: datetime
    interval: int = 1
    count: int | None = None
    until: datetime | None = None
    week_start: int = 0
    months: frozenset[int] = frozenset()
    month_days: frozenset[int] = frozenset()
    year_days: frozenset[int] = frozenset()
    weeks: frozenset[int] = frozenset()
    weekdays: frozenset[Nth] = frozenset()
    hours: frozenset[int] = frozenset()
    minutes: frozenset[int] = frozenset()
    seconds: frozenset[int] = frozenset()
    positions: frozenset[int] = frozenset()

    def takes(self, day: date) -> bool:
        """Whether the rule may come true on a day."""
        return (
            (not self.months or day.month in self.months)
            and (not self.weekdays or self._takes_weekday(day))
            and (not self.month_days or self._takes_month_day(day))
            and (not self.year_days or self._takes_year_day(day))
            and (not self.weeks or self._takes_week(day))
        )

    def times(self, day: date) -> Iterator[datetime]:
        """Return the times of a day, in order, for a rule of days or longer."""
        hours = self.hours or (self.start.hour,)
        minutes = self.minutes or (self.start.minute,)
        seconds = self.seconds or (self.start.second,)
        for hour, minute, second in product(sorted(hours), sorted(minutes), sorted(seconds)):
            yield datetime.combine(day, time(hour, minute, second))

    def _takes_weekday(self, day: date) -> bool:
        weekday = day.weekday()
        if Nth(weekday) in self.weekdays:
            return True
        if not any(each.nth and each.weekday == weekday for each in self.weekdays):
            return False
        first, last = self._frame(day)
        from_first, from_last = (day - first).days // 7 + 1, (last - day).days // 7 + 1
        return Nth(weekday, from_first) in self.weekdays or Nth(weekday, -from_last) in self.weekdays

    def _frame(self, day: date) -> tuple[date, date]:
        """Return the first and last day of the month or year in which weekdays are counted."""
        if self.frequency == "YEARLY" and not self.months:
            return date(day.year, 1, 1), date(day.year, 12, 31)
        return day.replace(day=1), _last_of_month(day)

    def _takes_month_day(self, day: date) -> bool:
        return day.day in self.month_days or day.day - _last_of_month(day).day - 1 in self.month_days

    def _takes_year_day(self, day: date) -> bool:
        number, last = day.timetuple().tm_yday, date(day.year, 12, 31).timetuple().tm_yday
        return number in self.year_days or number - last - 1 in self.year_days

    def _takes_week(self, day: date) -> bool:
        monday = self.week_of(day)
        # A week belongs to the year in which most of it lies.
        year = (monday + _THURSDAY).year
        first, following = self.week_of(date(year, 1, 4)), self.week_of(date(year + 1, 1, 4))
        number, weeks = (monday - first) // _WEEK + 1, (following - first) // _WEEK
        return number in self.weeks or number - weeks - 1 in self.weeks

    def week_of(self, day: date) -> date:
        """Return the first day of the week of a day."""
        return day - _DAY * ((day.weekday() - self.week_start) % 7)


def _last_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - _DAY
