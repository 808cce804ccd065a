"""Waiting runs: what is read of the runs in line when one is given to a worker."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from segue.records.work import WorkerInfo, WorkPool, WorkQueue
from segue.scheduling.requests import BACKFILL
from segue.store.source import Source
from segue.work.claims import Candidate, Held, Place, Slot
from segue.work.store import pool_in, worker_in
from segue_events.ids import id_at_rest, id_in_memory

__all__ = ("Desk", "WaitingRuns")

# More would be a longer list than the statement takes; whoever is not found now is at the next look.
_MOST_FULL = 5_000

_TAGS = "(SELECT tags FROM flow_run WHERE flow_run.id = i.run)"
# A deployment that is paused holds back the runs that its schedules made, and none that a person asked for.
_CANDIDATES = f"""
SELECT i.run, i.deployment, i.key, i.epoch, d.concurrency, d.collision = 'cancel-new', {_TAGS}
FROM work_item AS i INDEXED BY work_item_waiting JOIN deployment AS d ON d.id = i.deployment
WHERE i.done = 0 AND i.worker = '' AND i.pool = ? AND i.queue = ? AND i.due <= ? AND i.stop = 0
AND (NOT d.paused OR i.schedule = '' OR EXISTS (
    SELECT 1 FROM flow_run AS r, json_each(r.tags) AS tag WHERE r.id = i.run AND tag.value = '{BACKFILL}'))"""


class Desk(NamedTuple):
    """Where runs are given out: to whom, of which pool, and whether there are limits of deployments, and on tags."""

    worker: WorkerInfo
    pool: WorkPool
    bounds: bool
    tags: bool


class WaitingRuns:
    """Reads the runs that wait in a pool, and what bounds them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def desk(self, worker_id: str) -> Desk | None:
        """Return where a worker takes runs; None for one that has left or is lost, or whose pool is gone."""
        rows = await self._source.query(
            "SELECT w.document, w.seen, w.ended, p.document,"
            " EXISTS (SELECT 1 FROM deployment WHERE concurrency IS NOT NULL),"
            " EXISTS (SELECT 1 FROM concurrency_limit WHERE json_extract(document, '$.tag'))"
            " FROM worker AS w LEFT JOIN work_pool AS p ON p.name = w.pool WHERE w.id = ? AND w.ended IS NULL",
            (id_at_rest(worker_id),),
        )
        if not rows:
            return None
        document, seen, ended, kept, *limits = rows[0]
        worker = worker_in(document, seen, ended)
        if kept is not None:
            return Desk(worker, pool_in(kept), *map(bool, limits))
        if worker.pool:
            return None
        served = WorkPool(name="", queues=tuple(WorkQueue(name=name) for name in worker.queues))
        return Desk(worker, served, *map(bool, limits))

    async def any_due(self, pool: str, now: int) -> bool:
        """Whether there is a run that is due."""
        rows = await self._source.query(
            "SELECT 1 FROM work_item INDEXED BY work_item_due WHERE done = 0 AND worker = '' AND pool = ? AND due <= ?"
            " LIMIT 1",
            (pool, now),
        )
        return bool(rows)

    async def next_due(self, pool: str, now: int) -> int | None:
        """Return when the next run after `now` is due, None if there is none."""
        rows = await self._source.query(
            "SELECT min(due) FROM work_item WHERE done = 0 AND worker = '' AND pool = ? AND due > ?", (pool, now)
        )
        return rows[0][0]

    async def held(self, pool: WorkPool, worker_id: str) -> Held:
        """Return how many runs are held in a pool."""
        rows = await self._source.query(
            "SELECT queue, worker = ?, count(*) FROM work_item WHERE done = 0 AND worker != '' AND pool = ?"
            " GROUP BY 1, 2",
            (id_at_rest(worker_id), pool.name),
        )
        queues: dict[str, int] = {}
        for queue, _, count in rows:
            queues[queue] = queues.get(queue, 0) + count
        return Held(sum(queues.values()), sum(count for _, own, count in rows if own), queues)

    async def places(self) -> dict[Slot, Place]:
        """Return how many runs go of each slot of the deployments that have a limit; those without any left out."""
        rows = await self._source.query(
            "SELECT i.deployment, i.key, count(*), d.concurrency, d.collision = 'cancel-new'"
            " FROM deployment AS d INDEXED BY deployment_bounded CROSS JOIN work_item AS i ON i.deployment = d.id"
            " WHERE d.concurrency IS NOT NULL AND i.done = 0 AND i.worker != '' GROUP BY 1, 2"
        )
        return {(deployment, key): Place(*place) for deployment, key, *place in rows}

    async def candidates(
        self, pool: str, queue: str, now: int, places: Mapping[Slot, Place], most: int
    ) -> list[Candidate]:
        """Return the first runs in line of a queue that are due, but for those whose slots are full."""
        full = [slot for slot, place in places.items() if place.full]
        values, tags = _values(slot for slot in full if slot[0]), [tag for deployment, tag in full if not deployment]
        bound = f" AND (i.deployment, i.key) NOT IN {_marks(values)}" if values else ""
        if tags:
            bound += f" AND NOT EXISTS (SELECT 1 FROM json_each({_TAGS}) WHERE value IN ({', '.join('?' * len(tags))}))"
        rows = await self._source.query(
            f"{_CANDIDATES}{bound} ORDER BY i.priority, i.due, i.first LIMIT ?",
            (pool, queue, now, *values, *tags, most),
        )
        return [_candidate(*row) for row in rows]

    async def refused(self, pool: str, now: int, places: Mapping[Slot, Place], most: int) -> list[str]:
        """Return runs that are due and are to be cancelled, as as many of their slot go as may."""
        full = _values(slot for slot, place in places.items() if place.full and place.cancels)
        if not full:
            return []
        rows = await self._source.query(
            "SELECT run FROM work_item WHERE done = 0 AND worker = '' AND pool = ? AND due <= ?"
            f" AND (deployment, key) IN {_marks(full)} LIMIT ?",
            (pool, now, *full, most),
        )
        return [id_in_memory(run) for (run,) in rows]


def _candidate(*row: Any) -> Candidate:
    *plain, tags = row
    return Candidate(*plain, tags=msgspec.json.decode(tags, type=tuple[str, ...]) if tags else ())


def _values(slots: Iterable[Slot]) -> list[Any]:
    return [part for slot in list(slots)[:_MOST_FULL] for part in slot]


def _marks(values: list[Any]) -> str:
    return f"(VALUES {', '.join(['(?, ?)'] * (len(values) // 2))})"
