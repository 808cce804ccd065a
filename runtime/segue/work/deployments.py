"""Deployments on a journal: saved, found by lenient names, listed and deleted."""

import msgspec

from segue.exceptions import InvalidWork
from segue.records.work import Deployment, WorkPool, WorkQueue
from segue.run_events import flow_run_deleted
from segue.states import State, StateType
from segue.work.checks import check_deployment
from segue.work.endings import ended
from segue.work.ground import Ground
from segue.work.naming import Named, matching
from segue.work.pools import Pools
from segue.work_events import deployment_deleted, deployment_saved, pool_saved
from segue_events import Event, new_id

__all__ = ("Deployments",)


class Deployments:
    """See Work."""

    def __init__(self, ground: Ground, pools: Pools) -> None:
        self._ground = ground
        self._pools = pools

    async def save(self, deployment: Deployment) -> Deployment:
        """See Work. A queue that its pool does not have is added to it, served after all others."""
        check_deployment(deployment)
        ground = self._ground
        async with ground.lock:
            pool = await self._pools.find(deployment.pool) if deployment.pool else None
            before = await ground.store.deployment_named(deployment.flow_name, deployment.name)
            if before is None and deployment.id:
                before = await ground.store.deployment(deployment.id)
            if before is not None and deployment.id not in ("", before.id):
                raise InvalidWork(
                    f"There is a deployment '{before.full_name}' already, with the id {before.id}; leave the id out "
                    "to replace it, or choose another name."
                )
            now = ground.clock.now_us()
            saved = msgspec.structs.replace(
                deployment,
                id=before.id if before else deployment.id or new_id(),
                created=before.created if before else now,
                updated=now,
            )
            events = [deployment_saved(saved, now)]
            if pool is not None and saved.queue not in [queue.name for queue in pool.queues]:
                events.insert(0, pool_saved(_with_queue(pool, saved.queue, now), now))
            await ground.commit(events)
            return saved

    async def find(self, name: str) -> Deployment:
        """See Work."""
        store = self._ground.store
        flow, _, rest = name.partition("/")
        found = await store.deployment(name) or await store.deployment_named(flow, rest)
        if found is None:
            known = {one: Named(*names) for one, names in (await store.deployment_names()).items()}
            found = await store.deployment(matching(name, known))
        if found is None:
            return await self.find(name)  # it was deleted meanwhile: say so
        return found

    async def all(self, flow: str, pool: str, tag: str, search: str) -> list[Deployment]:
        """See Work."""
        text = search.casefold()
        return [
            deployment
            for deployment in await self._ground.store.deployments(flow, pool)
            if (not tag or tag in deployment.tags) and text in deployment.full_name.casefold()
        ]

    async def delete(self, deployment_id: str) -> None:
        """See Work."""
        ground = self._ground
        async with ground.lock:
            deployment = await self.find(deployment_id)
            now = ground.clock.now_us()
            events = [deployment_deleted(deployment.id, now)]
            for item in await ground.store.open_items(deployment.id):
                if not item.worker_id:
                    events += await self._without_deployment(item.run_id, now)
            await ground.commit(events)

    async def _without_deployment(self, run_id: str, now: int) -> list[Event]:
        """Return what becomes of a run in line: one that has begun keeps its record, and has no other attempt."""
        run = await self._ground.records.runs.flow_run(run_id)
        if run.started is None:
            return [flow_run_deleted(run_id, now)]
        told = "Its deployment was deleted before its next attempt."
        return await ended(self._ground, run_id, State(StateType.CANCELLED, "Cancelled", told, now))


def _with_queue(pool: WorkPool, name: str, now: int) -> WorkPool:
    last = max(queue.priority for queue in pool.queues)
    queues = (*pool.queues, WorkQueue(name=name, priority=last + 1))
    return msgspec.structs.replace(pool, queues=queues, updated=now)
