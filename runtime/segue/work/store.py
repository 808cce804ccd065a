"""WorkStore: what the tables of work hold, as records."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from segue.projection import TYPE_CODES
from segue.records.work import Claim, Deployment, Lease, Limit, WorkerInfo, WorkItem, WorkPool
from segue.states import StateType
from segue.store.source import Source
from segue_events.ids import id_at_rest, id_in_memory

__all__ = ("Going", "Standing", "WorkStore", "pool_in", "worker_in")

_ITEM = "run, deployment, schedule, pool, queue, due, priority, key, worker, epoch, claimed, done"
# A run has begun once anything is told of it after it was put in line, but that it is late.
_STANDING = f"""
SELECT {", ".join(f"i.{column}" for column in _ITEM.split(", "))}, i.stop,
    r.type != {TYPE_CODES[StateType.SCHEDULED]} OR (r.last != i.first AND coalesce(r.state, '') != 'Late')
FROM work_item AS i LEFT JOIN flow_run AS r ON r.id = i.run"""
_LEASE = "SELECT id, limits, slots, holder, until, taken FROM lease"


class Standing(NamedTuple):
    """How it stands with a run that is or was in line: whether somebody wants it to stop, and whether it has begun."""

    item: WorkItem
    stop: bool
    begun: bool


class Going(NamedTuple):
    """A run that a worker holds: its name, and what it counts for."""

    run: str
    deployment_id: str
    key: str
    queue: str
    worker_id: str


class WorkStore:
    """Reads deployments, pools, workers, limits and runs in line from a journal that WorkProjection is one of."""

    def __init__(self, source: Source) -> None:
        self.source = source

    # --- deployments ---

    async def deployment(self, deployment_id: str) -> Deployment | None:
        """Return the deployment with this id, None if there is none."""
        rows = await self.source.query("SELECT document FROM deployment WHERE id = ?", (id_at_rest(deployment_id),))
        return _deployment(rows[0][0]) if rows else None

    async def deployment_named(self, flow_name: str, name: str) -> Deployment | None:
        """Return the deployment of exactly this flow and name, None if there is none."""
        rows = await self.source.query("SELECT document FROM deployment WHERE flow = ? AND name = ?", (flow_name, name))
        return _deployment(rows[0][0]) if rows else None

    async def deployment_names(self) -> dict[str, tuple[str, str]]:
        """Return flow and name of all deployments, by their ids."""
        rows = await self.source.query("SELECT id, flow, name FROM deployment ORDER BY flow, name")
        return {id_in_memory(kept): (flow, name) for kept, flow, name in rows}

    async def deployments(self, flow: str = "", pool: str = "") -> list[Deployment]:
        """Return the deployments of a flow and of a pool, or of any, by name."""
        rows = await self.source.query(
            "SELECT document FROM deployment WHERE (?1 = '' OR flow = ?1) AND (?2 = '' OR pool = ?2)"
            " ORDER BY flow, name",
            (flow, pool),
        )
        return [_deployment(document) for (document,) in rows]

    async def marks(self) -> dict[tuple[str, str], int]:
        """Return the last instant (µs since the epoch) that is dealt with, of schedules by deployment and id."""
        rows = await self.source.query("SELECT deployment, schedule, at FROM schedule_mark")
        return {(id_in_memory(deployment), schedule): at for deployment, schedule, at in rows}

    # --- pools and workers ---

    async def pool(self, name: str) -> WorkPool | None:
        """Return the pool of this name, None if there is none."""
        rows = await self.source.query("SELECT document FROM work_pool WHERE name = ?", (name,))
        return pool_in(rows[0][0]) if rows else None

    async def pools(self) -> list[WorkPool]:
        """Return all pools, by name."""
        rows = await self.source.query("SELECT document FROM work_pool ORDER BY name")
        return [pool_in(document) for (document,) in rows]

    async def worker(self, worker_id: str) -> WorkerInfo | None:
        """Return the worker with this id, None if there is none."""
        rows = await self.source.query(
            "SELECT document, seen, ended FROM worker WHERE id = ?", (id_at_rest(worker_id),)
        )
        return worker_in(*rows[0]) if rows else None

    async def workers(self, pool: str = "", *, since: int, living: bool = False) -> list[WorkerInfo]:
        """Return the workers of a pool, or of all, seen since an instant, the latest first; or only the `living`."""
        rows = await self.source.query(
            "SELECT document, seen, ended FROM worker WHERE seen >= ?1 AND (?2 = '' OR pool = ?2)"
            " AND (NOT ?3 OR ended IS NULL) ORDER BY seen DESC, id",
            (since, pool, living),
        )
        return [worker_in(*row) for row in rows]

    async def silent_workers(self, before: int) -> list[WorkerInfo]:
        """Return the workers that were last seen before an instant; and those that left before it and hold runs."""
        rows = await self.source.query(
            "SELECT document, seen, ended FROM worker WHERE seen < ?1 AND (ended IS NULL OR ended < ?1 AND EXISTS ("
            " SELECT 1 FROM work_item AS i WHERE i.done = 0 AND i.worker != '' AND i.pool = worker.pool"
            " AND i.worker = worker.id)) ORDER BY seen",
            (before,),
        )
        return [worker_in(*row) for row in rows]

    # --- limits ---

    async def limits(self) -> list[Limit]:
        """Return all limits, by name."""
        rows = await self.source.query("SELECT document FROM concurrency_limit ORDER BY name")
        return [msgspec.json.decode(document, type=Limit) for (document,) in rows]

    async def leases(self) -> list[Lease]:
        """Return all leases, also those that are no longer good, the first taken first."""
        return [_lease(*row) for row in await self.source.query(f"{_LEASE} ORDER BY taken, id")]

    # --- runs in line ---

    async def item(self, run_id: str) -> WorkItem | None:
        """Return what is known of a run in line, None if it is not, or never was."""
        rows = await self.source.query(f"SELECT {_ITEM} FROM work_item WHERE run = ?", (id_at_rest(run_id),))
        return _item(*rows[0]) if rows else None

    async def items(self, condition: str, params: Sequence[Any]) -> list[WorkItem]:
        """Return the runs in line of which a condition holds, the first in line first."""
        sql = f"SELECT {_ITEM} FROM work_item WHERE {condition} ORDER BY priority, due, first"
        return [_item(*row) for row in await self.source.query(sql, params)]

    async def open_items(self, deployment_id: str, schedule_id: str = "") -> list[WorkItem]:
        """Return the runs of a deployment, or of one schedule of it, that have not ended: waiting or held."""
        return await self.items(
            "deployment = ?1 AND done = 0 AND (?2 = '' OR schedule = ?2)", (id_at_rest(deployment_id), schedule_id)
        )

    async def standing(self, run_ids: Sequence[str]) -> dict[str, Standing]:
        """Return how it stands with these runs, by their ids; those that were never in line left out."""
        marks = ",".join("?" * len(run_ids))
        rows = await self.source.query(f"{_STANDING} WHERE i.run IN ({marks})", [id_at_rest(one) for one in run_ids])
        return {one.item.run_id: one for one in (_standing(*row) for row in rows)}

    async def held(self, worker: WorkerInfo) -> list[Standing]:
        """Return the runs that a worker holds."""
        rows = await self.source.query(
            f"{_STANDING} WHERE i.done = 0 AND i.worker != '' AND i.pool = ? AND i.worker = ?",
            (worker.pool, id_at_rest(worker.id)),
        )
        return [_standing(*row) for row in rows]

    async def going(self, pool: str) -> list[Going]:
        """Return the runs that workers hold of a pool, the first claimed first."""
        rows = await self.source.query(
            "SELECT r.name, i.deployment, i.key, i.queue, i.worker FROM work_item AS i"
            " LEFT JOIN flow_run AS r ON r.id = i.run"
            " WHERE i.done = 0 AND i.worker != '' AND i.pool = ? ORDER BY i.claimed, i.run",
            (pool,),
        )
        return [
            Going(run or "", id_in_memory(deployment), key, queue, id_in_memory(worker))
            for run, deployment, key, queue, worker in rows
        ]

    async def ahead(self, run_id: str, now: int) -> int:
        """Return how many runs that are due are before one in its queue."""
        rows = await self.source.query(
            "SELECT count(*) FROM work_item AS o JOIN work_item AS i ON o.pool = i.pool AND o.queue = i.queue"
            " WHERE i.run = ? AND o.done = 0 AND o.worker = '' AND o.due <= ?"
            " AND (o.priority, o.due, o.first) < (i.priority, i.due, i.first)",
            (id_at_rest(run_id), now),
        )
        return rows[0][0]

    async def stops(self, worker_id: str) -> list[str]:
        """Return the runs that a worker holds and that are to stop."""
        rows = await self.source.query(
            "SELECT run FROM work_item WHERE done = 0 AND worker != '' AND worker = ?1 AND stop = 1"
            " AND pool = (SELECT pool FROM worker WHERE id = ?1) ORDER BY first",
            (id_at_rest(worker_id),),
        )
        return [id_in_memory(run) for (run,) in rows]

    async def stopped(self) -> list[str]:
        """Return the runs that wait and are to stop."""
        rows = await self.source.query(
            "SELECT run FROM work_item INDEXED BY work_item_stopped"
            " WHERE stop = 1 AND done = 0 AND worker = '' ORDER BY first"
        )
        return [id_in_memory(run) for (run,) in rows]

    async def subflows(self, run_id: str) -> list[str]:
        """Return the flow runs inside of one that have not ended; not those that are in line on their own."""
        rows = await self.source.query(
            "SELECT id FROM flow_run WHERE root = ?1 AND id != ?1 AND type < ?2 AND flow IS NOT NULL"
            " AND NOT EXISTS (SELECT 1 FROM work_item WHERE work_item.run = flow_run.id)",
            (id_at_rest(run_id), TYPE_CODES[StateType.COMPLETED]),
        )
        return [id_in_memory(kept) for (kept,) in rows]

    async def run_names(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return the names of those of these flow runs that are known, by their ids."""
        rows = await self.source.query(
            f"SELECT id, name FROM flow_run WHERE id IN ({','.join('?' * len(run_ids))})",
            [id_at_rest(run_id) for run_id in run_ids],
        )
        return {id_in_memory(kept): name for kept, name in rows if name}

    async def deployments_of(self, run_ids: Sequence[str]) -> dict[str, str]:
        """Return which deployments these runs are of, by the runs' ids; those of none are left out."""
        rows = await self.source.query(
            f"SELECT run, deployment FROM work_item WHERE run IN ({','.join('?' * len(run_ids))})",
            [id_at_rest(run_id) for run_id in run_ids],
        )
        return {id_in_memory(run): id_in_memory(deployment) for run, deployment in rows}

    async def variables(self, run_id: str) -> dict[str, Any]:
        """Return the job variables that a run was asked for with."""
        rows = await self.source.query("SELECT variables FROM work_item WHERE run = ?", (id_at_rest(run_id),))
        return msgspec.json.decode(rows[0][0]) if rows and rows[0][0] else {}

    async def claims(self, worker_id: str, run_ids: Sequence[str]) -> list[Claim]:
        """Return the claims to those of the runs that a worker holds, with all that they take, in the given order."""
        rows = await self.source.query(
            "SELECT i.run, r.name, r.flow, r.parameters, r.tags, i.epoch, i.due, r.attempt, r.parent, r.root,"
            " d.document, i.variables, p.document FROM work_item AS i JOIN flow_run AS r ON r.id = i.run"
            " JOIN deployment AS d ON d.id = i.deployment LEFT JOIN work_pool AS p ON p.name = i.pool"
            f" WHERE i.worker = ? AND i.done = 0 AND i.run IN ({','.join('?' * len(run_ids))})",
            (id_at_rest(worker_id), *map(id_at_rest, run_ids)),
        )
        found = {claim.run_id: claim for claim in (_claim(*row) for row in rows)}
        return [found[run_id] for run_id in run_ids if run_id in found]


# --- rows ---


def _item(run: bytes | str, deployment: bytes | str, *told: Any) -> WorkItem:
    """Return the record of a row of _ITEM."""
    schedule, pool, queue, due, priority, key, worker, epoch, claimed, done = told
    return WorkItem(
        run_id=id_in_memory(run),
        deployment_id=id_in_memory(deployment),
        schedule_id=schedule or "",
        pool=pool,
        queue=queue,
        due=due,
        priority=priority,
        key=key,
        worker_id=id_in_memory(worker),
        epoch=epoch,
        claimed=claimed if worker else None,
        done=bool(done),
    )


def _standing(*row: Any) -> Standing:
    *item, stop, begun = row
    return Standing(_item(*item), bool(stop), bool(begun))


def _deployment(document: str) -> Deployment:
    return msgspec.json.decode(document, type=Deployment)


def pool_in(document: str) -> WorkPool:
    """Return the pool that a row holds."""
    return msgspec.json.decode(document, type=WorkPool)


def worker_in(document: str, seen: int, ended: int | None) -> WorkerInfo:
    """Return the worker that a row holds, as it was last seen."""
    worker = msgspec.json.decode(document, type=WorkerInfo)
    return msgspec.structs.replace(worker, seen=seen, ended=ended)


def _lease(lease_id: bytes | str, limits: str, *told: Any) -> Lease:
    slots, holder, until, taken = told
    names = msgspec.json.decode(limits, type=tuple[str, ...])
    return Lease(id=id_in_memory(lease_id), limits=names, slots=slots, holder=holder, until=until, taken=taken)


def _claim(run: bytes | str, name: str | None, flow: str | None, parameters: str | None, *told: Any) -> Claim:
    tags, epoch, due, attempt, parent, root, document, variables, pool = told
    deployment = _deployment(document)
    of_pool = pool_in(pool).job_variables if pool else {}
    own = msgspec.json.decode(variables, type=dict[str, Any]) if variables else {}
    return Claim(
        run_id=id_in_memory(run),
        run_name=name or "",
        flow_name=flow or "",
        parameters=msgspec.json.decode(parameters) if parameters else {},
        tags=msgspec.json.decode(tags, type=tuple[str, ...]) if tags else (),
        epoch=epoch,
        due=due,
        deployment=deployment,
        job_variables={**of_pool, **deployment.job_variables, **own},
        attempts=attempt or 0,
        parent_id=id_in_memory(parent) if parent else "",
        root_id=id_in_memory(root) if root else "",
    )
