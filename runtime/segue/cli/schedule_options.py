"""ScheduleOptions: what the commands take that say when a deployment runs by itself."""

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

from segue.cli.arguments import flow_parameters
from segue.cli.spans import span
from segue.records.work import Catchup, Overlap, Schedule
from segue.schedules import Schedule as made_schedule

__all__ = ("ScheduleOptions",)


@dataclass(frozen=True, kw_only=True)
class ScheduleOptions:
    """When, and with what."""

    interval: Annotated[str | None, Parameter(help="How often: in seconds, or as 90s, 15m, 2h, 1d.")] = None
    anchor_date: Annotated[
        str | None, Parameter(help="From when intervals are counted: 2026-01-31T06:00, in the schedule's time zone.")
    ] = None
    cron: Annotated[
        str | None, Parameter(help="When: minute, hour, day, month and day of the week; '0 9 * * 1-5'.")
    ] = None
    day_or: Annotated[
        bool, Parameter(help="In a cron, whether the day of the month or of the week is enough, not both.")
    ] = True
    rrule: Annotated[str | None, Parameter(help="When, as an iCalendar rule: 'FREQ=WEEKLY;BYDAY=MO'.")] = None
    timezone: Annotated[str | None, Parameter(help="By which clocks it goes: Europe/Berlin; UTC if not given.")] = None
    slug: Annotated[str | None, Parameter(help="What to call the schedule.")] = None
    active: Annotated[bool, Parameter(help="Whether it begins at once; pause and resume change it.")] = True
    param: Annotated[
        list[str] | None,
        Parameter(
            name=["--param", "-p"], negative=(), help="A parameter of its runs, over the deployment's: key=JSON."
        ),
    ] = None
    params: Annotated[str | None, Parameter(help="Parameters as a JSON object; - reads it from standard input.")] = None
    catchup: Annotated[Catchup, Parameter(help="Which instants to make up for that passed without a server.")] = (
        "latest"
    )
    overlap: Annotated[Overlap, Parameter(help="What becomes of a run while the one before goes.")] = "allow"
    max_lateness: Annotated[str | None, Parameter(help="Begin no run that is so late: 90s, 15m, 2h.")] = None
    jitter: Annotated[str | None, Parameter(help="Spread the runs over so much time: 30s, 5m.")] = None

    def schedule(self) -> Schedule:
        """Return the schedule; raises InvalidWork or Usage."""
        return made_schedule(
            interval=_seconds(self.interval, "--interval"),
            anchor_date=self.anchor_date,
            cron=self.cron,
            day_or=self.day_or,
            rrule=self.rrule,
            timezone=self.timezone,
            slug=self.slug,
            active=self.active,
            parameters=flow_parameters(self.param or [], self.params),
            catchup=self.catchup,
            overlap=self.overlap,
            max_lateness=_seconds(self.max_lateness, "--max-lateness"),
            jitter=_seconds(self.jitter, "--jitter") or 0.0,
        )


def _seconds(text: str | None, option: str) -> float | None:
    """Read a span; a number alone is in seconds."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return span(text, option)
