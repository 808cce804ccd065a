"""Backfill: the runs of a schedule's instants in a time that has passed, asked for now."""

from collections.abc import AsyncIterator, Iterable
from itertools import islice

from segue.exceptions import InvalidWork
from segue.records import FlowRun
from segue.records.work import Deployment, Schedule
from segue.scheduling.instants import between, instants_of
from segue.scheduling.requests import BACKFILL, request_of
from segue.states import instant
from segue.work.protocol import Work

__all__ = ("backfill", "instants_to_fill")


def instants_to_fill(schedule: Schedule, start: int, end: int, most: int) -> list[int]:
    """Return the instants of a schedule from `start` up to, but without, `end`; all in µs since the epoch.

    Raises InvalidWork for an end that is not after the start, and for more than `most`: nobody can have meant that.
    """
    if end <= start:
        raise InvalidWork(f"From {instant(start)} to {instant(end)} there is no time to fill; name a later end.")
    found = list(islice(between(instants_of(schedule), start - 1, end - 1), most + 1))
    if len(found) > most:
        raise InvalidWork(
            f"The schedule '{schedule.id}' has more than {most} instants in this time; fill a shorter one, or raise"
            " --limit."
        )
    return found


async def backfill(
    work: Work, deployment: Deployment, schedule: Schedule, instants: Iterable[int]
) -> AsyncIterator[FlowRun]:
    """Ask for the run of each instant, one after the other, and return it; one that has a run already keeps that.

    Raises InvalidRun.
    """
    for at in instants:
        yield await work.create_run(request_of(deployment.id, schedule, at, (BACKFILL,)))
