"""Deployments that code declares, rather than a project's files: of a flow at hand, and with options as keywords."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypedDict, Unpack

from segue.deploying.plans import check_settled
from segue.deploying.schema import parameter_schema
from segue.exceptions import InvalidWork
from segue.flows import Flow, Origin
from segue.records.work import DEFAULT_QUEUE, Deployment, Schedule

__all__ = ("DeploymentOptions", "to_deployment")


class DeploymentOptions(TypedDict, total=False):
    """What a deployment is given, besides its flow and name.

    At most one of `interval` (seconds, or a timedelta), `cron`, `rrule`, `schedule` and `schedules` says when it runs.
    """

    interval: float | timedelta | None
    cron: str | None
    rrule: str | None
    timezone: str | None
    anchor_date: datetime | None
    schedule: Schedule | None
    schedules: Sequence[Schedule] | None
    paused: bool | None
    parameters: Mapping[str, Any] | None
    description: str | None
    tags: Sequence[str] | None
    version: str | None
    enforce_parameter_schema: bool
    concurrency_limit: int | None
    work_pool_name: str | None
    work_queue_name: str | None
    job_variables: Mapping[str, Any] | None


_ABOUT_SCHEDULES = ("interval", "cron", "rrule", "schedule", "schedules")


def to_deployment(flow: Flow[..., Any], name: str, **options: Unpack[DeploymentOptions]) -> Deployment:
    """Return the deployment of a flow under this name, which is not saved yet.

    Raises InvalidWork for a flow that another process could not find and for several kinds of schedules, and InvalidRun
    for parameters that the flow cannot take.
    """
    parameters = dict(options.get("parameters") or {})
    enforce = options.get("enforce_parameter_schema", True)
    check_settled(flow, parameters, enforce)
    place: dict[str, Any] = _place(flow) if flow.origin is None else _elsewhere(flow.origin)
    return Deployment(
        id="",
        name=name,
        flow_name=flow.name,
        pool=options.get("work_pool_name") or "",
        queue=options.get("work_queue_name") or DEFAULT_QUEUE,
        parameters=parameters,
        parameter_schema=parameter_schema(flow),
        enforce_parameter_schema=enforce,
        tags=tuple(options.get("tags") or ()),
        description=options.get("description") or flow.description or "",
        version=options.get("version") or flow.version,
        job_variables=dict(options.get("job_variables") or {}),
        paused=bool(options.get("paused")),
        concurrency_limit=options.get("concurrency_limit"),
        schedules=_schedules(options),
        **place,
    )


def _place(flow: Flow[..., Any]) -> dict[str, Any]:
    """Return where another process of this machine finds the flow."""
    fn = inspect.unwrap(flow.fn)
    qualified = getattr(fn, "__qualname__", flow.name)
    code = getattr(fn, "__code__", None)
    file = Path("" if code is None else code.co_filename)
    if "<locals>" in qualified or not file.is_file():
        raise InvalidWork(
            f"Flow '{flow.name}' is made inside of a function, or in no file, where no other process finds it; "
            "define it at the top of a module."
        )
    here, file = Path.cwd(), file.resolve()
    folder = here if file.is_relative_to(here) else file.parent
    return {"entrypoint": f"{file.relative_to(folder)}:{qualified}", "path": str(folder)}


def _elsewhere(origin: Origin) -> dict[str, Any]:
    """Return where a worker gets the code from, and finds the flow in it."""
    if origin.is_repository:
        pull = {"pull_steps": ({"segue.steps.git_clone": {"repository": origin.source}},)}
        return {"entrypoint": origin.entrypoint, **pull}
    return {"entrypoint": origin.entrypoint, "path": origin.source}


def _schedules(options: DeploymentOptions) -> tuple[Schedule, ...]:
    said = [kind for kind in _ABOUT_SCHEDULES if options.get(kind) is not None]
    if len(said) > 1:
        raise InvalidWork(f"A deployment was given {' and '.join(said)}; give one of them, or several as `schedules`.")
    if not said:
        return ()
    if said[0] == "schedules":
        return tuple(options.get("schedules") or ())
    given = options.get("schedule")
    if given is not None:
        return (given,)
    anchor = options.get("anchor_date")
    interval = options.get("interval")
    return (
        Schedule(
            id=said[0],
            interval=interval.total_seconds() if isinstance(interval, timedelta) else interval,
            anchor=None if anchor is None else round(anchor.timestamp() * 1e6),
            cron=options.get("cron"),
            rrule=options.get("rrule"),
            timezone=options.get("timezone") or "UTC",
        ),
    )
