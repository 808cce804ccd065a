"""Schedules in words, as lists of deployments show them."""

from segue.cli.text import duration
from segue.records.work import Schedule

__all__ = ("schedule_text",)


def schedule_text(schedule: Schedule) -> str:
    """Say when a schedule has its deployment run: "every 2 min", "cron 0 9 * * 1 (Europe/Berlin), paused"."""
    if schedule.interval is not None:
        when = f"every {duration(round(schedule.interval * 1e6))}"
    elif schedule.cron is not None:
        when = f"cron {schedule.cron}"
    else:
        when = f"rrule {schedule.rrule}"
    zone = "" if schedule.timezone == "UTC" or schedule.interval is not None else f" ({schedule.timezone})"
    return f"{when}{zone}{'' if schedule.active else ', paused'}"
