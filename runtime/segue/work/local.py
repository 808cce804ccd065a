"""LocalWork: Work upon a journal of this machine."""

from collections.abc import Sequence
from random import Random, SystemRandom
from typing import Any

from segue.records import FlowRun
from segue.records.work import Claim, Deployment, Lease, Limit, RunRequest, WorkerInfo, WorkPool
from segue.states import State
from segue.store import Store
from segue.work.deployments import Deployments
from segue.work.ground import Ground
from segue.work.limits import Wish
from segue.work.line import Line
from segue.work.lock import WorkLock
from segue.work.pools import Pools
from segue.work.protocol import Beat
from segue.work.reasons import Reasons
from segue.work.runs import Runs
from segue.work.slots import Slots
from segue.work.store import WorkStore
from segue_events import Bus, Clock
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("LocalWork",)

_DAY = 86_400 * 1_000_000


class LocalWork:
    """See Work. Decisions are taken one at a time, over all processes that share the journal.

    It belongs to the loop of the bus. `store` reads the tables of work, for who needs more than Work tells.
    """

    def __init__(self, journal: SqliteJournal, bus: Bus, clock: Clock, random: Random | None = None) -> None:
        self.store = WorkStore(journal)
        self._clock = clock
        ground = Ground(
            journal=journal,
            bus=bus,
            clock=clock,
            random=random or SystemRandom(),
            lock=WorkLock(journal.path),
            store=self.store,
            records=Store(journal),
        )
        self._pools = Pools(ground)
        self._deployments = Deployments(ground, self._pools)
        self._runs = Runs(ground)
        self._slots = Slots(ground)
        self._reasons = Reasons(ground, self._slots)
        self._line = Line(ground, self._slots)

    # --- deployments ---

    async def save_deployment(self, deployment: Deployment) -> Deployment:
        """See Work."""
        return await self._deployments.save(deployment)

    async def deployment(self, name: str) -> Deployment:
        """See Work."""
        return await self._deployments.find(name)

    async def deployments(self, *, flow: str = "", pool: str = "", tag: str = "", search: str = "") -> list[Deployment]:
        """See Work."""
        return await self._deployments.all(flow, pool, tag, search)

    async def delete_deployment(self, deployment_id: str) -> None:
        """See Work."""
        await self._deployments.delete(deployment_id)

    # --- runs ---

    async def create_run(self, request: RunRequest) -> FlowRun:
        """See Work."""
        return await self._runs.create(request)

    async def retry_run(self, run_id: str) -> FlowRun:
        """See Work."""
        return await self._runs.retry(run_id)

    async def why_waiting(self, run_id: str) -> str:
        """See Work."""
        return await self._reasons.of(run_id)

    async def cancel_run(self, run_id: str, by: str = "", reason: str = "") -> FlowRun:
        """Ask a run to stop, and return it; one that no worker has been given is Cancelled at once.

        `by` says who asks, `reason` why. Nothing happens to a run that has ended. Raises UnknownRun.
        """
        return await self._runs.call_off(run_id, by, reason)

    # --- pools and workers ---

    async def save_pool(self, pool: WorkPool) -> WorkPool:
        """See Work."""
        return await self._pools.save(pool)

    async def pool(self, name: str) -> WorkPool:
        """See Work."""
        return await self._pools.find(name)

    async def pools(self) -> list[WorkPool]:
        """See Work."""
        return await self._pools.all()

    async def delete_pool(self, name: str) -> None:
        """See Work."""
        await self._pools.delete(name)

    async def workers(self, pool: str = "") -> list[WorkerInfo]:
        """See Work."""
        return await self.store.workers(pool, since=self._clock.now_us() - _DAY)

    async def join(self, worker: WorkerInfo) -> WorkerInfo:
        """See Work."""
        return await self._line.join(worker)

    async def claim(self, worker_id: str, most: int, wait: float = 0.0) -> list[Claim]:
        """See Work."""
        return await self._line.claim(worker_id, most, wait)

    async def beat(self, worker_id: str, held: Sequence[str]) -> Beat:
        """See Work."""
        return await self._line.beat(worker_id, held)

    async def stops(self, worker_id: str, known: Sequence[str], wait: float = 0.0) -> list[str]:
        """See Work."""
        return await self._line.stops(worker_id, known, wait)

    async def settle(self, worker_id: str, claim: Claim, state: State[Any]) -> bool:
        """See Work."""
        return await self._line.settle(worker_id, claim, state)

    async def leave(self, worker_id: str) -> None:
        """See Work."""
        await self._line.leave(worker_id)

    async def sweep(self, now: int) -> None:
        """Let go of what nobody has given a sign of life for: workers with their runs, leases; `now` is in µs."""
        await self._line.sweep(now)
        await self._slots.sweep()

    # --- limits ---

    async def save_limit(self, limit: Limit) -> Limit:
        """See Work."""
        return await self._slots.save(limit)

    async def limits(self) -> list[Limit]:
        """See Work."""
        return await self._slots.all()

    async def delete_limit(self, name: str) -> None:
        """See Work."""
        await self._slots.delete(name)

    async def leases(self, limit: str = "") -> list[Lease]:
        """See Work."""
        return await self._slots.leases(limit)

    async def acquire(
        self, names: Sequence[str], slots: int, holder: str, *, strict: bool = False, wait: float = 0.0
    ) -> Lease | None:
        """See Work."""
        wish = Wish(names=tuple(names), slots=slots, holder=holder, strict=strict)
        return await self._slots.acquire(wish, wait)

    async def renew(self, lease_id: str) -> bool:
        """See Work."""
        return await self._slots.renew(lease_id)

    async def release(self, lease_id: str) -> None:
        """See Work."""
        await self._slots.release(lease_id)
