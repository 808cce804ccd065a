"""Recurrence: the instants of a rule: its periods one after the other, and what it takes of each."""

import math
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from segue.scheduling.rule import Rule
from segue.scheduling.zones import next_once, next_showing

__all__ = ("Recurrence",)

# How far the next instant is looked for. Leap days may be eight years apart.
_AHEAD = timedelta(days=12 * 366)
_DAY = timedelta(days=1)
_UNITS = {"HOURLY": timedelta(hours=1), "MINUTELY": timedelta(minutes=1)}


class Recurrence:
    """The instants of a rule but for those `excepted`: whole days, or wall times.

    What recurs after days or more happens once for each of its wall times; what recurs after hours or minutes, whenever
    clocks show such a time.
    """

    def __init__(self, rule: Rule, excepted: frozenset[date | datetime], zone: ZoneInfo) -> None:
        self._rule = rule
        self._excepted = excepted
        self._zone = zone
        self._next = next_showing if rule.frequency in _UNITS else next_once

    def next_after(self, after: int) -> int | None:
        """See Instants."""
        return self._next(self._following, after, self._zone)

    def _following(self, wall: datetime) -> datetime | None:
        rule = self._rule
        latest = max(wall, rule.start) + _AHEAD
        latest = latest if rule.until is None else min(latest, rule.until)
        # What is counted is counted from the start.
        begin = rule.start if rule.count is not None else max(wall, rule.start)
        for number, at in enumerate(_walls(rule, begin, latest)):
            if rule.count is not None and number >= rule.count:
                return None
            if at > wall and at not in self._excepted and at.date() not in self._excepted:
                return at
        return None


def _walls(rule: Rule, begin: datetime, latest: datetime) -> Iterator[datetime]:
    """Return what the rule comes to, in order, from some time before `begin` up to `latest`."""
    for period in _moments(rule, begin, latest) if rule.frequency in _UNITS else _periods(rule, begin, latest):
        for at in _chosen(period, rule.positions) if rule.positions else period:
            if at > latest:
                return
            if at >= rule.start:
                yield at


def _periods(rule: Rule, begin: datetime, latest: datetime) -> Iterator[list[datetime]]:
    """Return all times of each period of days, in order."""
    index = _index(rule, begin.date())
    while (first := _first_day(rule, index)) <= latest.date():
        days = (first + _DAY * number for number in range(_length(rule, first)))
        yield [at for day in days if rule.takes(day) for at in rule.times(day)]
        index += 1


def _index(rule: Rule, day: date) -> int:
    """Return the number of the last period that begins on or before a day."""
    start = rule.start
    if rule.frequency == "YEARLY":
        passed = day.year - start.year
    elif rule.frequency == "MONTHLY":
        passed = (day.year - start.year) * 12 + day.month - start.month
    elif rule.frequency == "WEEKLY":
        passed = (rule.week_of(day) - rule.week_of(start.date())).days // 7
    else:
        passed = (day - start.date()).days
    return passed // rule.interval


def _first_day(rule: Rule, index: int) -> date:
    start, passed = rule.start, index * rule.interval
    if rule.frequency == "YEARLY":
        return date(start.year + passed, 1, 1)
    if rule.frequency == "MONTHLY":
        years, months = divmod(start.month - 1 + passed, 12)
        return date(start.year + years, months + 1, 1)
    if rule.frequency == "WEEKLY":
        return rule.week_of(start.date()) + timedelta(weeks=passed)
    return start.date() + timedelta(days=passed)


def _length(rule: Rule, first: date) -> int:
    """Return how many days the period has that begins on a day."""
    if rule.frequency == "YEARLY":
        return (date(first.year + 1, 1, 1) - first).days
    if rule.frequency == "MONTHLY":
        return ((first + timedelta(days=31)).replace(day=1) - first).days
    return 7 if rule.frequency == "WEEKLY" else 1


def _moments(rule: Rule, begin: datetime, latest: datetime) -> Iterator[list[datetime]]:
    """Return all times of each hour or minute that the rule takes, in order."""
    step = _UNITS[rule.frequency] * rule.interval
    at = rule.start + max(0, (begin - rule.start) // step) * step
    while at <= latest:
        leap = _leap(rule, at)
        if leap is None:
            yield _within(rule, at)
            at += step
        else:
            at = rule.start + math.ceil((leap - rule.start) / step) * step


def _leap(rule: Rule, at: datetime) -> datetime | None:
    """Return where to look on if the rule does not take this hour or minute; None if it does."""
    if not rule.takes(at.date()):
        return datetime.combine(at.date() + _DAY, time())
    if rule.hours and at.hour not in rule.hours:
        return at.replace(minute=0, second=0) + timedelta(hours=1)
    if rule.frequency == "MINUTELY" and rule.minutes and at.minute not in rule.minutes:
        return at.replace(second=0) + timedelta(minutes=1)
    return None


def _within(rule: Rule, at: datetime) -> list[datetime]:
    minutes = rule.minutes if rule.frequency == "HOURLY" and rule.minutes else (at.minute,)
    return [
        at.replace(minute=minute, second=second)
        for minute in sorted(minutes)
        for second in sorted(rule.seconds or (at.second,))
    ]


def _chosen(period: list[datetime], positions: frozenset[int]) -> list[datetime]:
    """Return those at these positions, counted from 1, or from the end where they are negative."""
    last = len(period)
    return [at for number, at in enumerate(period, 1) if number in positions or number - last - 1 in positions]
