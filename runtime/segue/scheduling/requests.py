"""Requests: how a schedule asks for the run of an instant, so that there is one however often it is asked for."""

from segue.records.work import RunRequest, Schedule
from segue.scheduling.policy import delay_of

__all__ = ("BACKFILL", "request_of")

BACKFILL = "backfill"
"""The tag of runs that somebody asked for after their instants; they are never too late."""


def request_of(deployment_id: str, schedule: Schedule, at: int, tags: tuple[str, ...] = ()) -> RunRequest:
    """Return the request for the run of the instant `at`, due then, or later by the schedule's jitter.

    Its key is the instant, so that another jitter makes no other run of it.
    """
    return RunRequest(
        deployment_id=deployment_id,
        schedule_id=schedule.id,
        due=at + delay_of(schedule, deployment_id, at),
        key=f"{schedule.id}@{at}",
        tags=tags,
    )
