"""Asks about work: what a server can be asked of deployments, pools, workers, runs in line, and limits."""

from collections.abc import Sequence
from typing import Any

from segue.api import types
from segue.api.work import (
    BeatBody,
    BeatIn,
    ClaimIn,
    Claims,
    LeaseAnswer,
    LeaseIn,
    Renewed,
    RunIn,
    Settled,
    SettleIn,
    StateIn,
    Stops,
    StopsIn,
)
from segue.client.asks import Ask, one
from segue.records.work import Claim, Deployment, Lease, Limit, WorkerInfo, WorkPool

# --- deployments ---


def deployments(flow: str, pool: str, tag: str, search: str) -> Ask[types.Page[Deployment]]:
    """Deployments, by name."""
    given = {"flow": flow, "pool": pool, "tag": tag, "search": search}
    query = {name: text for name, text in given.items() if text}
    return Ask(method="GET", path="/deployments", answer=types.Page[Deployment], query=query)


def deployment(name: str) -> Ask[Deployment]:
    """A deployment."""
    return Ask(method="GET", path=f"/deployments/{one(name)}", answer=Deployment)


def save_deployment(deployment: Deployment) -> Ask[Deployment]:
    """Create or replace a deployment."""
    return _post("/deployments", Deployment, deployment)


def delete_deployment(deployment_id: str) -> Ask[None]:
    """Delete a deployment."""
    return _delete(f"/deployments/{one(deployment_id)}")


def run_deployment(deployment_id: str, given: RunIn) -> Ask[types.FlowRunBody]:
    """Have a deployment run."""
    return _post(f"/deployments/{one(deployment_id)}/runs", types.FlowRunBody, given)


def retry(flow_run: str) -> Ask[types.FlowRunBody]:
    """Have a flow run that has ended run again."""
    return _post(f"/flow-runs/{one(flow_run)}/retry", types.FlowRunBody)


# --- pools and workers ---


def pools() -> Ask[types.Page[WorkPool]]:
    """Work pools, by name."""
    return Ask(method="GET", path="/work-pools", answer=types.Page[WorkPool])


def pool(name: str) -> Ask[WorkPool]:
    """A work pool."""
    return Ask(method="GET", path=f"/work-pools/{one(name)}", answer=WorkPool)


def save_pool(pool: WorkPool) -> Ask[WorkPool]:
    """Create or replace a work pool."""
    return _post("/work-pools", WorkPool, pool)


def delete_pool(name: str) -> Ask[None]:
    """Delete a work pool."""
    return _delete(f"/work-pools/{one(name)}")


def workers(pool: str) -> Ask[types.Page[WorkerInfo]]:
    """Workers, the latest first."""
    query = {"pool": pool} if pool else {}
    return Ask(method="GET", path="/workers", answer=types.Page[WorkerInfo], query=query)


def join(worker: WorkerInfo) -> Ask[WorkerInfo]:
    """Make a worker known."""
    return _post("/workers", WorkerInfo, worker)


def claim(worker_id: str, most: int, wait: float) -> Ask[Claims]:
    """Give a worker runs."""
    return _post(f"/workers/{one(worker_id)}/claim", Claims, ClaimIn(most=most, wait=wait))


def beat(worker_id: str, held: Sequence[str]) -> Ask[BeatBody]:
    """Take a worker's sign of life."""
    return _post(f"/workers/{one(worker_id)}/beat", BeatBody, BeatIn(held=list(held)))


def stops(worker_id: str, known: Sequence[str], wait: float) -> Ask[Stops]:
    """Ask which of a worker's runs are to stop."""
    return _post(f"/workers/{one(worker_id)}/stops", Stops, StopsIn(known=list(known), wait=wait))


def settle(worker_id: str, claim: Claim, state: StateIn) -> Ask[Settled]:
    """Record how a worker's run ended."""
    return _post(f"/workers/{one(worker_id)}/settle", Settled, SettleIn(claim=claim, state=state))


def leave(worker_id: str) -> Ask[None]:
    """Let a worker go."""
    return _post(f"/workers/{one(worker_id)}/leave", None)


# --- limits ---


def limits() -> Ask[types.Page[Limit]]:
    """Limits, by name."""
    return Ask(method="GET", path="/limits", answer=types.Page[Limit])


def save_limit(limit: Limit) -> Ask[Limit]:
    """Create or replace a limit."""
    return _post("/limits", Limit, limit)


def delete_limit(name: str) -> Ask[None]:
    """Delete a limit."""
    return _delete(f"/limits/{one(name)}")


def leases(limit: str) -> Ask[types.Page[Lease]]:
    """Who holds slots."""
    query = {"limit": limit} if limit else {}
    return Ask(method="GET", path="/leases", answer=types.Page[Lease], query=query)


def acquire(wanted: LeaseIn) -> Ask[LeaseAnswer]:
    """Take slots."""
    return _post("/leases", LeaseAnswer, wanted)


def renew(lease_id: str) -> Ask[Renewed]:
    """Hold slots for longer."""
    return _post(f"/leases/{one(lease_id)}/renew", Renewed)


def release(lease_id: str) -> Ask[None]:
    """Free slots."""
    return _delete(f"/leases/{one(lease_id)}")


def _post(path: str, answer: Any, body: Any = None) -> Ask[Any]:
    return Ask(method="POST", path=path, answer=answer, body={} if body is None else body)


def _delete(path: str) -> Ask[None]:
    return Ask(method="DELETE", path=path, answer=None)
