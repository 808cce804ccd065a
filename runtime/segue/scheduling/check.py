"""Check: whether a schedule can work, said in a sentence if it cannot."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from segue.exceptions import InvalidWork
from segue.records.work import Catchup, Overlap, Schedule
from segue.scheduling.instants import instants_of
from segue.states import microseconds

__all__ = ("check_schedule", "check_schedules")

_LONGEST_ID = 200
_MOST_CAUGHT_UP = 10_000
_LONGEST_JITTER = 7 * 86_400.0
_FIRST, _LAST = (microseconds(datetime(year, 1, 1, tzinfo=UTC)) for year in (1970, 2200))


def check_schedule(schedule: Schedule) -> None:
    """See whether a schedule can work; raises InvalidWork, which says why it cannot."""
    name = f"The schedule '{schedule.id[:_LONGEST_ID]}'"
    if not 0 < len(schedule.id) <= _LONGEST_ID:
        raise InvalidWork(f"A schedule's id has 1 to {_LONGEST_ID} characters; {name[4:]} has {len(schedule.id)}.")
    if schedule.anchor is not None and not _FIRST <= schedule.anchor < _LAST:
        raise InvalidWork(f"{name} has an anchor outside of the years 1970 to 2199.")
    _check_policies(schedule, name)
    # A rule that has ended is no mistake; one that could never begin is. Those without a start begin before this year.
    if instants_of(schedule).next_after(_FIRST - 1) is None:
        what = f"cron expression '{schedule.cron}'" if schedule.cron else f"recurrence rule '{schedule.rrule}'"
        raise InvalidWork(f"{name} would never run: no day fits the {what}.")


def check_schedules(schedules: Sequence[Schedule]) -> None:
    """See whether the schedules of a deployment can work, and have each an id of its own; raises InvalidWork."""
    seen: set[str] = set()
    for schedule in schedules:
        check_schedule(schedule)
        if schedule.id in seen:
            raise InvalidWork(f"Two schedules have the id '{schedule.id}'. Give one of them a slug of its own.")
        seen.add(schedule.id)


def _check_policies(schedule: Schedule, name: str) -> None:
    for what, value, known in (("catchup", schedule.catchup, Catchup), ("overlap", schedule.overlap, Overlap)):
        if value not in get_args(known):
            raise InvalidWork(f"{name} has {what} '{value}', which is none of {', '.join(get_args(known))}.")
    if not 1 <= schedule.catchup_limit <= _MOST_CAUGHT_UP:
        raise InvalidWork(f"{name} has a catchup_limit of {schedule.catchup_limit}, not of 1 to {_MOST_CAUGHT_UP}.")
    if not 0 <= schedule.jitter <= _LONGEST_JITTER:
        raise InvalidWork(f"{name} has a jitter of {schedule.jitter:g} s, not of 0 to {_LONGEST_JITTER:g} s.")
    lateness = schedule.max_lateness
    if lateness is not None and not (lateness > 0 and math.isfinite(lateness)):
        raise InvalidWork(f"{name} has a max_lateness of {lateness:g} s. Give a positive number of seconds, or none.")
