"""Rule text: reads the lines of an iCalendar rule: RRULE, and with it DTSTART and EXDATE."""

import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from segue.exceptions import InvalidWork
from segue.scheduling.recurrence import Recurrence
from segue.scheduling.rule import Nth, Rule
from segue.scheduling.zones import wall_at
from segue.states import microseconds

__all__ = ("recurrence_of",)

_LONGEST = 6500
_MOST = 10_000
_YEARS = range(1970, 2200)
_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII)
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,5}", re.ASCII)

# The parts that are lists of numbers: what a rule calls them, the largest, and whether they count from the end too.
_LISTS = {
    "BYMONTH": ("months", 1, 12),
    "BYMONTHDAY": ("month_days", -31, 31),
    "BYYEARDAY": ("year_days", -366, 366),
    "BYWEEKNO": ("weeks", -53, 53),
    "BYHOUR": ("hours", 0, 23),
    "BYMINUTE": ("minutes", 0, 59),
    "BYSECOND": ("seconds", 0, 59),
    "BYSETPOS": ("positions", -366, 366),
}
_MINUTES = {"HOURLY": 60, "MINUTELY": 1}
_DAY_MINUTES = 24 * 60
_COUNTS = {"INTERVAL": "interval", "COUNT": "count"}


def recurrence_of(text: str, anchor: datetime, zone: ZoneInfo) -> Recurrence:
    """Return the instants of a rule; `anchor`, a wall time, is its start where it does not say. Raises InvalidWork.

    Times in UTC, with a Z, become wall times of the zone.
    """
    return _Reader(text, anchor, zone).recurrence()


class _Reader:
    """Reads one text."""

    def __init__(self, text: str, anchor: datetime, zone: ZoneInfo) -> None:
        self._text = text
        self._anchor = anchor
        self._zone = zone

    def recurrence(self) -> Recurrence:
        if len(self._text) > _LONGEST:
            raise InvalidWork(f"A recurrence rule has at most {_LONGEST} characters, this has {len(self._text)}.")
        lines = [self._line(line) for line in self._text.upper().split()]
        rules = [value for name, value in lines if name == "RRULE"]
        starts = [value for name, value in lines if name == "DTSTART"]
        if len(rules) != 1 or len(starts) > 1:
            raise self._wrong("there should be one RRULE, and at most one DTSTART")
        start = self._time(starts[0], time()) if starts else None
        rule = self._rule(rules[0], start)
        excepted = [one for name, value in lines if name == "EXDATE" for one in value.split(",")]
        return Recurrence(rule, frozenset(self._exception(one) for one in excepted), self._zone)

    def _line(self, line: str) -> tuple[str, str]:
        """Return the name and the value of a line."""
        if ":" not in line:
            return "RRULE", line
        name, value = line.split(":", 1)
        name, *options = name.split(";")
        if any(option.startswith("TZID=") for option in options):
            raise self._wrong(f"the zone of '{line}' should be the schedule's timezone instead")
        if name not in ("RRULE", "DTSTART", "EXDATE"):
            raise self._wrong(f"there is a line {name[:40]}, and only RRULE, DTSTART and EXDATE are known")
        return name, value

    def _rule(self, value: str, start: datetime | None) -> Rule:
        parts = dict(self._parts(value))
        frequency = parts.pop("FREQ", "")
        if frequency not in _FREQUENCIES:
            hint = "; use an interval for seconds" if frequency == "SECONDLY" else ""
            raise self._wrong(f"FREQ should be one of {', '.join(_FREQUENCIES)}{hint}")
        if start is None and "COUNT" in parts:
            raise self._wrong("COUNT needs a DTSTART to count from")
        given: dict[str, Any] = {}
        for name, part in parts.items():
            given.update(self._part(name, part, frequency))
        if "count" in given and "until" in given:
            raise self._wrong("it has both COUNT and UNTIL")
        start = start or self._anchor
        if not given.keys() & {"month_days", "year_days", "weeks", "weekdays"}:
            given.update(_days_of(start, frequency, "months" in given))
        rule = Rule(frequency=frequency, start=start.replace(microsecond=0), **given)
        if not _is_ever_at_its_hours(rule):
            raise self._wrong("it never comes to the hours and minutes that it names")
        return rule

    def _parts(self, value: str) -> Iterator[tuple[str, str]]:
        seen: set[str] = set()
        for part in value.rstrip(";").split(";"):
            name, equals, content = part.partition("=")
            if not equals or not content or name in seen:
                raise self._wrong(f"'{part[:40]}' should be a NAME=VALUE, and each name come once")
            seen.add(name)
            yield name, content

    def _part(self, name: str, value: str, frequency: str) -> dict[str, Any]:
        """Return what a part says, by the name it has in a Rule."""
        if name in _LISTS:
            field, least, most = _LISTS[name]
            numbers = frozenset(self._number(name, one, least, most) for one in value.split(","))
            # So that a schedule runs once in a minute at most.
            if name == "BYSECOND" and len(numbers) > 1:
                raise self._wrong("BYSECOND takes one second; use an interval for more")
            return {field: numbers}
        if name in _COUNTS:
            return {_COUNTS[name]: self._number(name, value, 1, _MOST)}
        if name == "UNTIL":
            return {"until": self._time(value, time(23, 59, 59))}
        if name == "WKST" and value in _WEEKDAYS:
            return {"week_start": _WEEKDAYS.index(value)}
        if name == "BYDAY":
            return {"weekdays": frozenset(self._weekday(one, frequency) for one in value.split(","))}
        raise self._wrong(f"it has a part '{name[:40]}={value[:40]}', which is not known")

    def _number(self, name: str, value: str, least: int, most: int) -> int:
        number = int(value) if _NUMBER.fullmatch(value) else None
        if number is None or not least <= number <= most or (least < 0 and number == 0):
            raise self._wrong(f"{name} takes whole numbers from {least} to {most}, not '{value[:40]}'")
        return number

    def _weekday(self, value: str, frequency: str) -> Nth:
        found = _WEEKDAY.fullmatch(value)
        if found is None or (
            found[1] and (frequency not in ("YEARLY", "MONTHLY") or not 1 <= abs(int(found[1])) <= 53)
        ):
            raise self._wrong(f"BYDAY takes days as MO or, in months and years, 1MO or -1FR, not '{value[:40]}'")
        return Nth(_WEEKDAYS.index(found[2]), int(found[1] or 0))

    def _exception(self, value: str) -> date | datetime:
        """Return a day, or a wall time, that is left out."""
        at = self._time(value, time())
        return at if "T" in value else at.date()

    def _time(self, value: str, otherwise: time) -> datetime:
        """Read a time, or a day, which becomes the time `otherwise` of it."""
        found = _TIME.fullmatch(value)
        try:
            if found is None or int(found[1]) not in _YEARS:
                raise ValueError
            day = date(int(found[1]), int(found[2]), int(found[3]))
            if found[4] is None:
                return datetime.combine(day, otherwise)
            wall = datetime.combine(day, time(int(found[4]), int(found[5]), int(found[6])))
        except ValueError:
            raise self._wrong(
                f"'{value[:40]}' is no time of the years {_YEARS[0]} to {_YEARS[-1]}, such as 20260131T090000"
            ) from None
        return wall_at(microseconds(wall.replace(tzinfo=UTC)), self._zone) if found[7] else wall

    def _wrong(self, what: str) -> InvalidWork:
        return InvalidWork(f"The recurrence rule '{' '.join(self._text.split())[:200]}' cannot be used: {what}.")


def _is_ever_at_its_hours(rule: Rule) -> bool:
    """Whether a rule of hours or minutes, which leaps from its start, ever lands where it says."""
    if rule.frequency not in _MINUTES:
        return True
    leap = math.gcd(rule.interval * _MINUTES[rule.frequency], _DAY_MINUTES)
    first = (rule.start.hour * 60 + rule.start.minute) % leap
    hits = (divmod(minute, 60) for minute in range(first, _DAY_MINUTES, leap))
    # A rule of hours has all the minutes it names in each of them.
    minutes = rule.minutes if rule.frequency == "MINUTELY" else ()
    return any((not rule.hours or hour in rule.hours) and (not minutes or minute in minutes) for hour, minute in hits)


def _days_of(start: datetime, frequency: str, has_months: bool) -> dict[str, frozenset[Any]]:
    """Return the days of a rule that names none: those like its start."""
    if frequency == "WEEKLY":
        return {"weekdays": frozenset({Nth(start.weekday())})}
    if frequency == "MONTHLY" or (frequency == "YEARLY" and has_months):
        return {"month_days": frozenset({start.day})}
    if frequency == "YEARLY":
        return {"months": frozenset({start.month}), "month_days": frozenset({start.day})}
    return {}
