"""Keeping: what is still so is said again before the events that said it are deleted."""

import msgspec

from segue import work_events
from segue.records.work import Deployment, Limit, WorkerInfo, WorkPool
from segue.store.source import Source
from segue_events import Event
from segue_events.ids import id_in_memory

__all__ = ("said_again",)

# One step of retention says so many again, of each kind.
_MOST = 1000


async def said_again(source: Source, before: int, now: int) -> list[Event]:
    """Return the events that say again what no event from the seq `before` on says; some of them, if they are many.

    These are deployments, pools, limits, workers, and how far schedules are. Runs in line have no need of it: their
    events are kept as long as the runs are.
    """
    decode = msgspec.json.decode
    events = [
        work_events.deployment_saved(decode(document, type=Deployment), now)
        for (document,) in await source.query(_documents("deployment"), (before, _MOST))
    ]
    events += [
        work_events.pool_saved(decode(document, type=WorkPool), now)
        for (document,) in await source.query(_documents("work_pool"), (before, _MOST))
    ]
    events += [
        work_events.limit_saved(decode(document, type=Limit), now)
        for (document,) in await source.query(_documents("concurrency_limit"), (before, _MOST))
    ]
    workers = await source.query(
        "SELECT document, seen FROM worker WHERE ended IS NULL AND last < ? LIMIT ?", (before, _MOST)
    )
    events += [work_events.worker_started(decode(document, type=WorkerInfo), seen) for document, seen in workers]
    marks = await source.query(
        "SELECT deployment, schedule, at FROM schedule_mark WHERE last < ? LIMIT ?", (before, _MOST)
    )
    events += [
        work_events.schedule_passed(id_in_memory(deployment), schedule, at, now) for deployment, schedule, at in marks
    ]
    return events


def _documents(table: str) -> str:
    return f"SELECT document FROM {table} WHERE last < ? LIMIT ?"
