"""ApiWork: work as a server keeps it, asked for over HTTP."""

from collections.abc import Sequence
from typing import Any, TypeVar
from urllib.parse import unquote

import msgspec

from segue import exceptions
from segue.api.types import instant_text
from segue.api.work import LONGEST_WAIT, LeaseIn, RunIn, StateIn
from segue.client import AsyncClient, RequestRefused
from segue.client import work_asks as asks
from segue.client.asks import Ask, flow_run
from segue.client.records import flow_run_in
from segue.exceptions import InvalidRun, InvalidWork, UnknownRun, WorkError
from segue.records import FlowRun
from segue.records.work import Claim, Deployment, Lease, Limit, RunRequest, WorkerInfo, WorkPool
from segue.states import State
from segue.work.protocol import Beat
from segue_events import Clock, PayloadError, SystemClock
from segue_events.event import encode_payload

__all__ = ("ApiWork",)

T = TypeVar("T")

# How long one request waits at the server, in seconds; whoever waits longer asks again.
_WAIT = LONGEST_WAIT - 5.0

# By what the server calls them: the errors that mean here what they mean there.
_ERRORS: dict[str, type[WorkError]] = {
    "invalid-work": exceptions.InvalidWork,
    "invalid-run": exceptions.InvalidRun,
    "cannot-retry": exceptions.CannotRetry,
    "unknown-deployment": exceptions.UnknownDeployment,
    "ambiguous-deployment": exceptions.AmbiguousDeployment,
    "unknown-pool": exceptions.UnknownPool,
    "unknown-limit": exceptions.UnknownLimit,
}


class ApiWork:
    """See Work; the client is the caller's, who has entered it."""

    def __init__(self, client: AsyncClient, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or SystemClock()

    # --- deployments ---

    async def save_deployment(self, deployment: Deployment) -> Deployment:
        """See Work."""
        _check_writable(deployment, InvalidWork)
        return await self._ask(asks.save_deployment(deployment))

    async def deployment(self, name: str) -> Deployment:
        """See Work."""
        return await self._ask(asks.deployment(name))

    async def deployments(self, *, flow: str = "", pool: str = "", tag: str = "", search: str = "") -> list[Deployment]:
        """See Work."""
        return (await self._ask(asks.deployments(flow, pool, tag, search))).items

    async def delete_deployment(self, deployment_id: str) -> None:
        """See Work."""
        await self._ask(asks.delete_deployment(deployment_id))

    # --- runs ---

    async def create_run(self, request: RunRequest) -> FlowRun:
        """See Work."""
        given = RunIn(**{name: getattr(request, name) for name in RunIn.__struct_fields__})
        _check_writable(given, InvalidRun)
        return flow_run_in(await self._ask(asks.run_deployment(request.deployment_id, given)))

    async def retry_run(self, run_id: str) -> FlowRun:
        """See Work."""
        return flow_run_in(await self._ask(asks.retry(run_id)))

    async def why_waiting(self, run_id: str) -> str:
        """See Work."""
        return (await self._ask(flow_run(run_id))).waiting_for or ""

    # --- pools and workers ---

    async def save_pool(self, pool: WorkPool) -> WorkPool:
        """See Work."""
        _check_writable(pool, InvalidWork)
        return await self._ask(asks.save_pool(pool))

    async def pool(self, name: str) -> WorkPool:
        """See Work."""
        return await self._ask(asks.pool(name))

    async def pools(self) -> list[WorkPool]:
        """See Work."""
        return (await self._ask(asks.pools())).items

    async def delete_pool(self, name: str) -> None:
        """See Work."""
        await self._ask(asks.delete_pool(name))

    async def workers(self, pool: str = "") -> list[WorkerInfo]:
        """See Work."""
        return (await self._ask(asks.workers(pool))).items

    async def join(self, worker: WorkerInfo) -> WorkerInfo:
        """See Work."""
        return await self._ask(asks.join(worker))

    async def claim(self, worker_id: str, most: int, wait: float = 0.0) -> list[Claim]:
        """See Work."""
        end = self._clock.monotonic() + wait
        while True:
            left = max(0.0, end - self._clock.monotonic())
            claims = (await self._ask(asks.claim(worker_id, most, min(left, _WAIT)))).claims
            if claims or left <= _WAIT:
                return claims

    async def beat(self, worker_id: str, held: Sequence[str]) -> Beat:
        """See Work."""
        told = await self._ask(asks.beat(worker_id, held))
        return Beat(told.stop, told.lost)

    async def stops(self, worker_id: str, known: Sequence[str], wait: float = 0.0) -> list[str]:
        """See Work. A wait that is longer than a request's is cut short: whoever waits asks again."""
        return list((await self._ask(asks.stops(worker_id, known, min(wait, _WAIT)))).stop)

    async def settle(self, worker_id: str, claim: Claim, state: State[Any]) -> bool:
        """See Work."""
        timestamp = instant_text(state.occurred) if state.occurred else None
        given = StateIn(type=state.type, name=state.name, message=state.message, timestamp=timestamp)
        return (await self._ask(asks.settle(worker_id, claim, given))).recorded

    async def leave(self, worker_id: str) -> None:
        """See Work."""
        await self._ask(asks.leave(worker_id))

    # --- limits ---

    async def save_limit(self, limit: Limit) -> Limit:
        """See Work."""
        return await self._ask(asks.save_limit(limit))

    async def limits(self) -> list[Limit]:
        """See Work."""
        return (await self._ask(asks.limits())).items

    async def delete_limit(self, name: str) -> None:
        """See Work."""
        await self._ask(asks.delete_limit(name))

    async def leases(self, limit: str = "") -> list[Lease]:
        """See Work."""
        return (await self._ask(asks.leases(limit))).items

    async def acquire(
        self, names: Sequence[str], slots: int, holder: str, *, strict: bool = False, wait: float = 0.0
    ) -> Lease | None:
        """See Work."""
        end = self._clock.monotonic() + wait
        while True:
            left = max(0.0, end - self._clock.monotonic())
            wanted = LeaseIn(names=list(names), slots=slots, holder=holder, strict=strict, wait=min(left, _WAIT))
            lease = (await self._ask(asks.acquire(wanted))).lease
            if lease is not None or left <= _WAIT:
                return lease

    async def renew(self, lease_id: str) -> bool:
        """See Work."""
        # A lease of names that bind nothing has no id, and nothing that could be lost.
        return not lease_id or (await self._ask(asks.renew(lease_id))).held

    async def release(self, lease_id: str) -> None:
        """See Work."""
        if lease_id:
            await self._ask(asks.release(lease_id))

    async def _ask(self, ask: Ask[T]) -> T:
        """Ask the server; what it refuses for a reason of work is that reason's error, as anywhere."""
        try:
            return await self._client.ask(ask)
        except RequestRefused as refused:
            if refused.kind == "unknown-run":
                raise UnknownRun(unquote(ask.path.split("/")[2])) from None
            # What does not even fit the types is as wrong as what they let pass.
            error = _ERRORS.get(refused.kind) or (InvalidWork if refused.status == 422 else None)
            if error is None:
                raise
            raise error(refused.problem.detail) from None


def _check_writable(document: msgspec.Struct, error: type[WorkError]) -> None:
    """Raise the error for what JSON does not have, such as NaN, which would go out as null without a word."""
    try:
        encode_payload(msgspec.to_builtins(document))
    except PayloadError as problem:
        raise error(str(problem)) from None
