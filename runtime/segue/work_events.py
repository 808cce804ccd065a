"""The vocabulary of events about work: deployments, pools, limits, workers, and runs that wait; one maker per kind.

    deployment.saved, work-pool.saved, limit.saved          the whole document
    deployment.deleted, work-pool.deleted, limit.deleted    it is gone
    schedule.passed                                         no run is wanted for instants up to "at" of a "schedule"
    worker.started                                          all that is known of it
    worker.seen, worker.ended, worker.lost                  it lives, has left, or has not been seen for too long
    limit.acquired, limit.renewed                           the whole "lease"
    limit.released                                          its slots are free

    flow-run.scheduled (with "deployment")                  a run waits in line; with "flow", it becomes known by this
    flow-run.claimed, flow-run.returned                     a "worker" was given it as the "epoch"th, or lost it

`subject` is the id or the name of what it is about; of the last ones, like `run`, the run's id.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import msgspec

from segue.records import FlowRun
from segue.records.work import Deployment, Lease, Limit, WorkerInfo, WorkItem, WorkPool
from segue_events import Event

__all__ = (
    "DEPLOYMENT_DELETED",
    "DEPLOYMENT_SAVED",
    "LIMIT_ACQUIRED",
    "LIMIT_DELETED",
    "LIMIT_RELEASED",
    "LIMIT_RENEWED",
    "LIMIT_SAVED",
    "POOL_DELETED",
    "POOL_SAVED",
    "RUN_CLAIMED",
    "RUN_RETURNED",
    "RUN_SCHEDULED",
    "SCHEDULE_PASSED",
    "WORKER_ENDED",
    "WORKER_LOST",
    "WORKER_SEEN",
    "WORKER_STARTED",
    "deployment_deleted",
    "deployment_saved",
    "key_run_id",
    "lease_acquired",
    "lease_released",
    "lease_renewed",
    "limit_deleted",
    "limit_saved",
    "pool_deleted",
    "pool_saved",
    "run_claimed",
    "run_returned",
    "run_scheduled",
    "schedule_passed",
    "scheduled_run_id",
    "worker_gone",
    "worker_seen",
    "worker_started",
)

DEPLOYMENT_SAVED, DEPLOYMENT_DELETED = "deployment.saved", "deployment.deleted"
POOL_SAVED, POOL_DELETED = "work-pool.saved", "work-pool.deleted"
LIMIT_SAVED, LIMIT_DELETED = "limit.saved", "limit.deleted"
SCHEDULE_PASSED = "schedule.passed"
WORKER_STARTED, WORKER_SEEN = "worker.started", "worker.seen"
WORKER_ENDED, WORKER_LOST = "worker.ended", "worker.lost"
LIMIT_ACQUIRED, LIMIT_RENEWED, LIMIT_RELEASED = "limit.acquired", "limit.renewed", "limit.released"
RUN_SCHEDULED = "flow-run.scheduled"
RUN_CLAIMED, RUN_RETURNED = "flow-run.claimed", "flow-run.returned"


# --- documents ---


def deployment_saved(deployment: Deployment, occurred: int) -> Event:
    """Return the event that keeps a deployment as it now is; `occurred`, here as below, is in µs since the epoch."""
    return _about(DEPLOYMENT_SAVED, deployment.id, occurred, msgspec.to_builtins(deployment))


def deployment_deleted(deployment_id: str, occurred: int) -> Event:
    """Return the event that a deployment is gone."""
    return _about(DEPLOYMENT_DELETED, deployment_id, occurred)


def pool_saved(pool: WorkPool, occurred: int) -> Event:
    """Return the event that keeps a work pool as it now is."""
    return _about(POOL_SAVED, pool.name, occurred, msgspec.to_builtins(pool))


def pool_deleted(name: str, occurred: int) -> Event:
    """Return the event that a work pool is gone."""
    return _about(POOL_DELETED, name, occurred)


def limit_saved(limit: Limit, occurred: int) -> Event:
    """Return the event that keeps a limit as it now is."""
    return _about(LIMIT_SAVED, limit.name, occurred, msgspec.to_builtins(limit))


def limit_deleted(name: str, occurred: int) -> Event:
    """Return the event that a limit is gone."""
    return _about(LIMIT_DELETED, name, occurred)


def schedule_passed(deployment_id: str, schedule_id: str, at: int, occurred: int) -> Event:
    """Return the event that a schedule's instants up to `at` (µs since the epoch) need no runs any more."""
    return _about(SCHEDULE_PASSED, deployment_id, occurred, {"schedule": schedule_id, "at": at})


# --- workers ---


def worker_started(worker: WorkerInfo, occurred: int) -> Event:
    """Return the event that makes a worker known."""
    return _about(WORKER_STARTED, worker.id, occurred, msgspec.to_builtins(worker))


def worker_seen(worker_id: str, occurred: int) -> Event:
    """Return the event that a worker lives."""
    return _about(WORKER_SEEN, worker_id, occurred)


def worker_gone(worker_id: str, occurred: int, *, lost: bool) -> Event:
    """Return the event that a worker has left, or that it is `lost`: nobody has heard of it for too long."""
    return _about(WORKER_LOST if lost else WORKER_ENDED, worker_id, occurred)


# --- limits ---


def lease_acquired(lease: Lease, occurred: int) -> Event:
    """Return the event that somebody holds slots, or has used some of a rate limit."""
    return _about(LIMIT_ACQUIRED, lease.id, occurred, {"lease": msgspec.to_builtins(lease)})


def lease_renewed(lease: Lease, occurred: int) -> Event:
    """Return the event that slots are held longer."""
    return _about(LIMIT_RENEWED, lease.id, occurred, {"lease": msgspec.to_builtins(lease)})


def lease_released(lease_id: str, occurred: int, *, expired: bool = False) -> Event:
    """Return the event that slots are free, perhaps since nobody has renewed the lease in time."""
    return _about(LIMIT_RELEASED, lease_id, occurred, {"expired": True} if expired else {})


# --- runs that wait ---


def scheduled_run_id(deployment_id: str, schedule_id: str, at: int) -> str:
    """Return the id of the one run that a schedule makes for the instant `at` (µs since the epoch)."""
    return str(uuid5(UUID(deployment_id), f"{schedule_id}@{at}"))


def key_run_id(deployment_id: str, key: str) -> str:
    """Return the id of the one run that is asked for with this key."""
    return str(uuid5(UUID(deployment_id), f"key:{key}"))


def run_scheduled(
    run: FlowRun, item: WorkItem, occurred: int, *, job_variables: Mapping[str, Any] | None = None, again: str = ""
) -> Event:
    """Return the event that puts a run in line, and makes it known; it exists once, however often it is published.

    With `again`, the run is known and has ended: it waits for another attempt, and `again` is the state's name.
    """
    payload: dict[str, Any] = _made_known(run) if not again else {} if again == "Scheduled" else {"name": again}
    given: dict[str, Any] = {
        "deployment": item.deployment_id,
        "schedule": item.schedule_id,
        "pool": item.pool,
        "queue": item.queue,
        "priority": item.priority,
        "key": item.key,
        "at": item.due,
        "variables": job_variables,
    }
    payload.update((key, value) for key, value in given.items() if value)
    event = Event(kind=RUN_SCHEDULED, payload=payload, run=run.id, subject=run.id, occurred=occurred)
    if not again:
        event.id = str(uuid5(UUID(run.id), "scheduled"))
    return event


def run_claimed(run_id: str, worker_id: str, epoch: int, occurred: int) -> Event:
    """Return the event that a run was given to a worker, for the `epoch`th time that it is to anybody."""
    return _of_run(RUN_CLAIMED, run_id, occurred, {"worker": worker_id, "epoch": epoch})


def run_returned(run_id: str, worker_id: str, epoch: int, occurred: int, *, lost: bool = False) -> Event:
    """Return the event that a worker gave a run back, or that it was taken from it, as it was `lost`."""
    payload: dict[str, Any] = {"worker": worker_id, "epoch": epoch}
    return _of_run(RUN_RETURNED, run_id, occurred, {**payload, "lost": True} if lost else payload)


def _made_known(run: FlowRun) -> dict[str, Any]:
    payload: dict[str, Any] = {"flow": run.flow_name, "name": run.name, "root": run.root_id or run.id}
    given: dict[str, dict[str, Any] | Sequence[str] | str] = {
        "version": run.flow_version,
        "parameters": run.parameters,
        "tags": run.tags,
        "parent": run.parent_id,
        "entrypoint": run.entrypoint,
    }
    payload.update((key, value) for key, value in given.items() if value)
    return payload


def _about(kind: str, subject: str, occurred: int, payload: dict[str, Any] | None = None) -> Event:
    return Event(kind=kind, subject=subject, payload=payload or {}, occurred=occurred)


def _of_run(kind: str, run_id: str, occurred: int, payload: dict[str, Any]) -> Event:
    return Event(kind=kind, run=run_id, subject=run_id, payload=payload, occurred=occurred)
