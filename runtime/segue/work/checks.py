"""Checks: whether a deployment, a pool or a limit can work; each sentence says what to change."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from segue.exceptions import InvalidNameError, InvalidRun, InvalidWork
from segue.names import check_name, run_name
from segue.records.work import Deployment, Limit, WorkPool
from segue.scheduling.check import check_schedules
from segue.work.schema import check_schema

__all__ = ("check_deployment", "check_limit", "check_pool", "concurrency_key")

_LONGEST_NAME = 200


def check_deployment(deployment: Deployment) -> None:
    """Raise InvalidWork for a deployment that could never work."""
    shown = f"Deployment '{deployment.full_name}'"
    _check_name("deployment", deployment.name)
    _check_name("flow", deployment.flow_name)
    if deployment.id and not _is_uuid(deployment.id):
        raise InvalidWork(f"{shown} has the id '{deployment.id}', which is no UUID; leave it out to be given one.")
    if not deployment.entrypoint:
        raise InvalidWork(f"{shown} has no entrypoint; give one such as 'flow.py:my_flow'.")
    _check_at_least_one(f"{shown} has a concurrency limit", deployment.concurrency_limit)
    if deployment.concurrency_key and deployment.concurrency_limit is None:
        raise InvalidWork(
            f"{shown} has a concurrency key and no limit; say how many runs of each key may go at a time."
        )
    check_schedules(deployment.schedules)
    check_schema(deployment)


def check_pool(pool: WorkPool) -> None:
    """Raise InvalidWork for a pool that could never work."""
    shown = f"Work pool '{pool.name}'"
    _check_name("work pool", pool.name)
    _check_at_least_one(f"{shown} has a limit", pool.limit)
    if not pool.queues:
        raise InvalidWork(f"{shown} has no queue; keep one, such as 'default'.")
    _check_unique(f"{shown} has several queues", [queue.name for queue in pool.queues])
    for queue in pool.queues:
        _check_name("work queue", queue.name)
        _check_at_least_one(f"Queue '{queue.name}' of work pool '{pool.name}' has a limit", queue.limit)


def check_limit(limit: Limit) -> None:
    """Raise InvalidWork for a limit that could never work."""
    if not limit.name.strip() or len(limit.name) > _LONGEST_NAME:
        raise InvalidWork(f"The name of a limit has from 1 to {_LONGEST_NAME} characters; '{limit.name[:60]}' has not.")
    if limit.slots < 0:
        raise InvalidWork(f"Limit '{limit.name}' has {limit.slots} slots; it needs 0 or more.")
    if limit.refill is not None and not 0 < limit.refill < 1e9:
        raise InvalidWork(f"Limit '{limit.name}' gets {limit.refill} slots back a second; it needs more than 0.")


def concurrency_key(deployment: Deployment, parameters: Mapping[str, Any]) -> str:
    """Return the key that a run with these parameters counts for; raises InvalidRun where there is none.

    A parameter that is not given counts with the default that the schema says.
    """
    if not deployment.concurrency_key:
        return ""
    known: Mapping[str, Any] = deployment.parameter_schema.get("properties", {})
    defaults: dict[str, Any] = {
        name: told["default"] for name, told in known.items() if isinstance(told, dict) and "default" in told
    }
    try:
        return run_name(deployment.concurrency_key, {**defaults, **parameters}, "concurrency_key")
    except InvalidNameError as error:
        raise InvalidRun(f"The concurrency key of deployment '{deployment.full_name}' fails. {error}") from None


def _check_name(what: str, name: str) -> None:
    try:
        check_name(name)
    except InvalidNameError as error:
        raise InvalidWork(f"The name of a {what} cannot be used. {error}") from None
    if len(name) > _LONGEST_NAME:
        raise InvalidWork(f"The name '{name[:60]}…' of a {what} has {len(name)} characters; {_LONGEST_NAME} may be.")


def _check_at_least_one(what: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise InvalidWork(f"{what} of {value}; it needs 1 or more, or none at all.")


def _check_unique(what: str, names: Sequence[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InvalidWork(f"{what} called '{name}'; give each a name of its own.")


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
