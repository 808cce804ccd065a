"""Pools on a journal: saved, found, listed and deleted."""

import msgspec

from segue.exceptions import InvalidWork, UnknownPool
from segue.records.work import WorkPool
from segue.suggestions import did_you_mean
from segue.work.checks import check_pool
from segue.work.ground import Ground
from segue.work_events import pool_deleted, pool_saved

__all__ = ("Pools",)


class Pools:
    """See Work."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    async def save(self, pool: WorkPool) -> WorkPool:
        """See Work. A queue that deployments use cannot be left out."""
        check_pool(pool)
        ground = self._ground
        async with ground.lock:
            before = await ground.store.pool(pool.name)
            if before is not None:
                await self._check_queues(pool)
            now = ground.clock.now_us()
            saved = msgspec.structs.replace(pool, created=before.created if before else now, updated=now)
            await ground.commit([pool_saved(saved, now)])
            return saved

    async def _check_queues(self, pool: WorkPool) -> None:
        kept = {queue.name for queue in pool.queues}
        for deployment in await self._ground.store.deployments(pool=pool.name):
            if deployment.queue not in kept:
                raise InvalidWork(
                    f"Queue '{deployment.queue}' of work pool '{pool.name}' is used by the deployment "
                    f"'{deployment.full_name}'; give that one another queue first."
                )

    async def find(self, name: str) -> WorkPool:
        """See Work."""
        found = await self._ground.store.pool(name)
        if found is None:
            known = [pool.name for pool in await self._ground.store.pools()]
            there = f" There are: {', '.join(known)}." if known else " There is none yet."
            hint = did_you_mean(name, known) or there
            raise UnknownPool(f"There is no work pool '{name}'.{hint} `segue work-pool create` makes one.")
        return found

    async def all(self) -> list[WorkPool]:
        """See Work."""
        return await self._ground.store.pools()

    async def delete(self, name: str) -> None:
        """See Work."""
        ground = self._ground
        async with ground.lock:
            await self.find(name)
            users = await ground.store.deployments(pool=name)
            if users:
                raise InvalidWork(
                    f"Work pool '{name}' is used by {len(users)} deployments, such as '{users[0].full_name}'; "
                    "delete them, or give them another pool, first."
                )
            await ground.commit([pool_deleted(name, ground.clock.now_us())])
