"""Plans: what is said of a deployment, made into its record; what can be wrong is found before anything is done."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from segue.deploying.choice import Chosen
from segue.deploying.entries import DeploymentEntry, LimitEntry, ScheduleEntry
from segue.deploying.manifest import Manifest
from segue.deploying.project import entrypoint_of
from segue.deploying.schema import check_parameters, parameter_schema
from segue.entrypoints import load_flow
from segue.exceptions import InvalidProject, WorkError
from segue.flows import Flow
from segue.records.work import DEFAULT_QUEUE, Collision, Deployment, Schedule
from segue.scheduling.check import check_schedules
from segue.scheduling.zones import instant_of, zone_of
from segue.states import microseconds
from segue.steps import Step, check_arguments, read_steps
from segue.steps.templates import names_in

__all__ = ("Plan", "check_settled", "plan")

_COLLISIONS: dict[str, Collision] = {"ENQUEUE": "enqueue", "CANCEL_NEW": "cancel-new"}


class Plan(NamedTuple):
    """A deployment as it will be, but for what steps put out; and the steps to build and push its code.

    Where nothing is said of schedules, or of a pause, those stay that the deployment has.
    """

    place: str
    deployment: Deployment
    flow: Flow[..., Any]
    build: Sequence[Step]
    push: Sequence[Step]
    keeps_schedules: bool
    keeps_pause: bool


def plan(manifest: Manifest, chosen: Chosen) -> Plan:
    """Load the flow of a deployment and see whether all that is said can be; the current folder is the project's.

    Raises FlowNotFound or ScriptFailed for the flow, and InvalidProject for the rest.
    """
    place, entry = chosen
    with _told_with(place):
        _check_said(entry)
        entrypoint = entry.entrypoint or entrypoint_of(manifest.folder, entry.flow_name or "")
        entrypoint = _relative(entrypoint, manifest.folder)
        flow = load_flow(entrypoint)
        if entry.flow_name not in (None, flow.name):
            raise InvalidProject(f"{entrypoint} is flow '{flow.name}', not '{entry.flow_name}'; correct one of them.")
        check_settled(flow, entry.parameters or {}, entry.enforce_parameter_schema is not False)
        made = _deployment(entry, flow, entrypoint)
        pull = _said(manifest, entry, "pull")
        check_arguments(read_steps(pull or (), "pull"))
        build, push = (read_steps(_said(manifest, entry, kind) or (), kind) for kind in ("build", "push"))
        check_arguments([*build, *push])
    # Without steps to pull it, the code is where it is now.
    code = {"path": str(manifest.folder)} if pull is None else {"pull_steps": tuple(pull)}
    return Plan(
        place=place,
        deployment=msgspec.structs.replace(made, **code),
        flow=flow,
        build=build,
        push=push,
        keeps_schedules=entry.schedules is None and not _is_said(entry.schedule),
        keeps_pause=entry.paused is None,
    )


def check_settled(flow: Flow[..., Any], parameters: dict[str, Any], enforce: bool) -> None:
    """Raise InvalidRun for parameters that the flow cannot take, but for those that templates have yet to fill."""
    check_parameters(flow, parameters, types=False)
    if enforce:
        check_parameters(flow, {name: value for name, value in parameters.items() if not names_in(value)})


@contextmanager
def _told_with(place: str) -> Generator[None]:
    try:
        yield
    except WorkError as error:
        raise InvalidProject(f"{place}: {error}") from None


def _check_said(entry: DeploymentEntry) -> None:
    if not entry.name:
        raise InvalidProject("it has no name; write `name: …`, or add -n NAME.")
    if not entry.entrypoint and not entry.flow_name:
        raise InvalidProject("it has no entrypoint; write `entrypoint: path/to/script.py:flow`.")
    if not entry.pool.name:
        raise InvalidProject("it has no work pool; write `work_pool: NAME`, or add -p NAME.")


def _relative(entrypoint: str, folder: Path) -> str:
    """Return the entrypoint as it is from the project's folder, so that it holds where the code is pulled to."""
    path, colon, name = entrypoint.rpartition(":")
    if Path(path).is_absolute() and Path(path).is_relative_to(folder):
        return f"{Path(path).relative_to(folder).as_posix()}{colon}{name}"
    return entrypoint


def _said(manifest: Manifest, entry: DeploymentEntry, kind: str) -> Sequence[dict[str, Any]] | None:
    """Return the steps of a kind, the deployment's own or else the project's; None where nothing is said of them."""
    own = getattr(entry, kind)
    steps = getattr(manifest.project, kind) if own is UNSET else own
    return None if steps is UNSET else steps


def _deployment(entry: DeploymentEntry, flow: Flow[..., Any], entrypoint: str) -> Deployment:
    limit, tags = entry.concurrency_limit, entry.tags or ()
    collision = _COLLISIONS[limit.collision_strategy] if isinstance(limit, LimitEntry) else "enqueue"
    return Deployment(
        id="",
        name=entry.name or "",
        flow_name=flow.name,
        entrypoint=entrypoint,
        pool=entry.pool.name or "",
        queue=entry.pool.work_queue_name or DEFAULT_QUEUE,
        parameters=entry.parameters or {},
        parameter_schema=parameter_schema(flow),
        enforce_parameter_schema=entry.enforce_parameter_schema is not False,
        tags=(tags,) if isinstance(tags, str) else tuple(tags),
        description=entry.description or flow.description or "",
        version=flow.version if entry.version is None else str(entry.version),
        job_variables=entry.pool.job_variables or {},
        paused=bool(entry.paused),
        priority=entry.priority or 0,
        concurrency_limit=limit.limit if isinstance(limit, LimitEntry) else limit,
        collision=collision,
        concurrency_key=entry.concurrency_key or "",
        schedules=_schedules(entry, flow),
    )


def _is_said(schedule: ScheduleEntry | None) -> bool:
    # The template that a project begins with has `schedule: {}`.
    return schedule not in (None, ScheduleEntry())


def _schedules(entry: DeploymentEntry, flow: Flow[..., Any]) -> tuple[Schedule, ...]:
    written = list(entry.schedules or ())
    if entry.schedule is not None and _is_said(entry.schedule):
        written.append(entry.schedule)
    made: list[Schedule] = []
    for one in written:
        check_settled(flow, one.parameters or {}, entry.enforce_parameter_schema is not False)
        made.append(_schedule(one, [other.id for other in made]))
    check_schedules(made)
    return tuple(made)


def _schedule(written: ScheduleEntry, taken: Sequence[str]) -> Schedule:
    timezone = written.timezone or "UTC"
    kind = next((kind for kind in ("interval", "cron", "rrule") if getattr(written, kind) is not None), "schedule")
    # The same from one time to the next, since it tells which instants have been taken care of.
    usual = (kind, *(f"{kind}-{number}" for number in range(2, len(taken) + 3)))
    return Schedule(
        id=written.slug or next(name for name in usual if name not in taken),
        interval=written.interval,
        anchor=_instant(written.anchor_date, timezone) if written.anchor_date else None,
        cron=written.cron,
        day_or=written.day_or,
        rrule=written.rrule,
        timezone=timezone,
        active=written.active,
        parameters=written.parameters or {},
        catchup=written.catchup,
        catchup_limit=written.catchup_limit,
        overlap=written.overlap,
        max_lateness=written.max_lateness,
        jitter=written.jitter,
    )


def _instant(text: str, timezone: str) -> int:
    zone = zone_of(timezone)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidProject(f"the anchor date '{text[:60]}' is no date; write it as 2026-01-31T06:00.") from None
    return microseconds(at) if at.tzinfo else instant_of(at, zone)
