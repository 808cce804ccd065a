"""Work as a protocol: what command line, workers, services and flows ask of deployments, pools, runs and limits.

It stands upon a journal in this process, or upon a server; both keep the same promises. All methods raise
JournalError where what is asked cannot be written, and ServerError where the server cannot be asked.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from segue.records import FlowRun
from segue.records.work import Claim, Deployment, Lease, Limit, RunRequest, WorkerInfo, WorkPool
from segue.states import State


class Beat(NamedTuple):
    """What a worker learns when it gives a sign of life: runs that are to stop, and runs that are no longer its own."""

    stop: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


class Work(Protocol):
    """Deployments, pools, workers, runs that wait, and limits. Names are matched as `work.naming` says."""

    # --- deployments ---

    async def save_deployment(self, deployment: Deployment) -> Deployment:
        """Create it, or replace the one of that flow and name, whose `id` and `created` stay; return what is saved.

        Raises UnknownPool, and InvalidWork for schedules or limits that cannot work.
        """
        ...

    async def deployment(self, name: str) -> Deployment:
        """Find one by id, or by `flow/name`; raises UnknownDeployment or AmbiguousDeployment, with the candidates."""
        ...

    async def deployments(self, *, flow: str = "", pool: str = "", tag: str = "", search: str = "") -> list[Deployment]:
        """Return all that fit, by name."""
        ...

    async def delete_deployment(self, deployment_id: str) -> None:
        """Delete it, and the runs of it that nobody has begun."""
        ...

    # --- runs ---

    async def create_run(self, request: RunRequest) -> FlowRun:
        """Have a deployment run; return the run, which is Scheduled. The same key gives the same run, however often.

        Raises UnknownDeployment, and InvalidRun for parameters that do not fit.
        """
        ...

    async def retry_run(self, run_id: str) -> FlowRun:
        """Have a deployment's run that has ended run again as another attempt; raises UnknownRun and CannotRetry."""
        ...

    async def why_waiting(self, run_id: str) -> str:
        """Say in a sentence why the run has not begun; "" for one that is not waiting."""
        ...

    # --- pools and workers ---

    async def save_pool(self, pool: WorkPool) -> WorkPool:
        """Create it or replace it; raises InvalidWork."""
        ...

    async def pool(self, name: str) -> WorkPool:
        """Find one by name; raises UnknownPool, with what there is."""
        ...

    async def pools(self) -> list[WorkPool]:
        """Return all, by name."""
        ...

    async def delete_pool(self, name: str) -> None:
        """Delete it; raises InvalidWork while deployments use it."""
        ...

    async def workers(self, pool: str = "") -> list[WorkerInfo]:
        """Return the workers of a pool, or of all, that have not been gone for a day; the latest first."""
        ...

    async def join(self, worker: WorkerInfo) -> WorkerInfo:
        """Make a worker known; a pool that is not there is created of the worker's type, one of another type refused.

        Raises InvalidWork.
        """
        ...

    async def claim(self, worker_id: str, most: int, wait: float = 0.0) -> list[Claim]:
        """Give the worker up to `most` runs that are due; no run is given to two.

        Wait up to `wait` seconds while there is none. In order: queue priority, the run's priority, due, creation.
        """
        ...

    async def beat(self, worker_id: str, held: Sequence[str]) -> Beat:
        """Take a worker's sign of life, with the ids of the runs that it holds and whose processes live."""
        ...

    async def stops(self, worker_id: str, known: Sequence[str], wait: float = 0.0) -> list[str]:
        """Return the ids of those of a worker's runs that are to stop.

        Wait up to `wait` seconds while they are the ones that it knows of. Raises InvalidWork for no known worker.
        """
        ...

    async def settle(self, worker_id: str, claim: Claim, state: State[Any]) -> bool:
        """Record how a run of this worker ended, unless the run has said so itself; return whether it was recorded.

        A state that is not final gives the run back: it may be claimed again.
        """
        ...

    async def leave(self, worker_id: str) -> None:
        """The worker takes no more; what it still holds may be claimed by others if it has not begun."""
        ...

    # --- limits ---

    async def save_limit(self, limit: Limit) -> Limit:
        """Create it or replace it; raises InvalidWork."""
        ...

    async def limits(self) -> list[Limit]:
        """Return all, by name."""
        ...

    async def delete_limit(self, name: str) -> None:
        """Delete it, and free whoever holds or waits for its slots; raises UnknownLimit."""
        ...

    async def leases(self, limit: str = "") -> list[Lease]:
        """Return who holds slots, of one limit or of all."""
        ...

    async def acquire(
        self, names: Sequence[str], slots: int, holder: str, *, strict: bool = False, wait: float = 0.0
    ) -> Lease | None:
        """Take slots of all these limits or of none; wait up to `wait` seconds for them; None if they were not free.

        Names without a limit, or with one that is not active, bound nothing; `strict` raises UnknownLimit for those.
        Raises InvalidWork for more slots than a limit has. A lease lasts LEASE_SECONDS, and as long as it is renewed.
        """
        ...

    async def renew(self, lease_id: str) -> bool:
        """Hold the slots for LEASE_SECONDS more; False if they are lost."""
        ...

    async def release(self, lease_id: str) -> None:
        """Free the slots; nothing happens if they are free already."""
        ...
