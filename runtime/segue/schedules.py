"""Schedules of deployments, made: Interval, Cron and RRule, or Schedule for any of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, TypedDict, Unpack

import msgspec

from segue.exceptions import InvalidWork
from segue.records import work
from segue.scheduling.check import check_schedule
from segue.scheduling.instants import KINDS
from segue.scheduling.zones import instant_of, zone_of
from segue.states import microseconds

__all__ = ("Cron", "Interval", "RRule", "Schedule", "ScheduleOptions")


class ScheduleOptions(TypedDict, total=False):
    """What every kind of schedule takes.

    `timezone` is the IANA name of the zone whose clocks it goes by, UTC if there is none. `parameters` go before the
    deployment's own. `slug` is what it is called in its deployment. What the others mean is said of
    segue.records.work.Schedule; spans are in seconds.
    """

    timezone: str | None
    active: bool
    parameters: Mapping[str, Any] | None
    slug: str | None
    catchup: work.Catchup
    catchup_limit: int
    overlap: work.Overlap
    max_lateness: float | None
    jitter: float


def Interval(
    interval: float | timedelta, anchor_date: datetime | str | None = None, **options: Unpack[ScheduleOptions]
) -> work.Schedule:
    """Return a schedule of every so many seconds, counted from `anchor_date`; raises InvalidWork.

    An anchor without a zone is a time of the schedule's. Intervals of whole days keep the time of day when clocks are
    set; all others keep their span.
    """
    return Schedule(interval=interval, anchor_date=anchor_date, **options)


def Cron(cron: str, day_or: bool = True, **options: Unpack[ScheduleOptions]) -> work.Schedule:
    """Return a schedule of a cron expression of five fields; raises InvalidWork.

    Where both day of the month and day of the week are given, either is enough; without `day_or`, both are needed.
    """
    return Schedule(cron=cron, day_or=day_or, **options)


def RRule(rrule: str, **options: Unpack[ScheduleOptions]) -> work.Schedule:
    """Return a schedule of an iCalendar rule such as "FREQ=WEEKLY;BYDAY=MO"; raises InvalidWork."""
    return Schedule(rrule=rrule, **options)


def Schedule(
    *,
    interval: float | timedelta | None = None,
    cron: str | None = None,
    rrule: str | None = None,
    anchor_date: datetime | str | None = None,
    day_or: bool = True,
    **options: Unpack[ScheduleOptions],
) -> work.Schedule:
    """Return a schedule of exactly one of `interval`, `cron` and `rrule`; raises InvalidWork.

    Without a slug it is called by what it says, the same each time, so that it goes on when it is deployed again.
    """
    timezone = options.get("timezone") or "UTC"
    seconds = interval.total_seconds() if isinstance(interval, timedelta) else interval
    unnamed = work.Schedule(
        id="",
        interval=seconds,
        anchor=None if anchor_date is None else _anchor(anchor_date, timezone),
        cron=cron,
        day_or=day_or,
        rrule=rrule,
        timezone=timezone,
        active=options.get("active", True),
        parameters=dict(options.get("parameters") or {}),
        catchup=options.get("catchup", "latest"),
        catchup_limit=options.get("catchup_limit", 100),
        overlap=options.get("overlap", "allow"),
        max_lateness=options.get("max_lateness"),
        jitter=options.get("jitter", 0.0),
    )
    made = msgspec.structs.replace(unnamed, id=options.get("slug") or _called(unnamed))
    check_schedule(made)
    return made


def _called(schedule: work.Schedule) -> str:
    """Return a name that tells apart whatever says other instants, or is for other parameters."""
    kind = next((kind for kind in KINDS if getattr(schedule, kind) is not None), "schedule")
    said = (getattr(schedule, kind, ""), schedule.anchor, schedule.timezone, sorted(schedule.parameters.items()))
    return f"{kind}-{blake2b(repr(said).encode(), digest_size=4).hexdigest()}"


def _anchor(given: datetime | str, timezone: str) -> int:
    zone = zone_of(timezone)
    try:
        at = datetime.fromisoformat(given) if isinstance(given, str) else given
    except ValueError:
        raise InvalidWork(f"The anchor date '{str(given)[:60]}' is no date; write it as 2026-01-31T06:00.") from None
    return microseconds(at) if at.tzinfo else instant_of(at, zone)
