"""segue deployment schedule, set-schedule, backfill: when deployments run by themselves, or should have."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, say, say_json, say_table
from segue.cli.schedule_options import ScheduleOptions
from segue.cli.schedule_text import schedule_text
from segue.cli.session import working
from segue.cli.text import instant, iso
from segue.records.work import Deployment, Schedule
from segue.scheduling.instants import upcoming
from segue.scheduling.zones import instant_of, zone_of
from segue.services.backfill import backfill as backfilled
from segue.services.backfill import instants_to_fill
from segue.states import microseconds
from segue_events import SystemClock

__all__ = ("app", "backfill", "set_schedule")

app = App(
    name="schedule", help="Schedules of deployments: create, list, pause, resume, delete, clear.", help_epilogue=""
)

Name = Annotated[str, Parameter(help="The deployment: FLOW/NAME, NAME where no other has it, or its id.")]
ScheduleId = Annotated[str, Parameter(help="The schedule, as `segue deployment schedule ls` calls it.")]
Options = Annotated[ScheduleOptions | None, Parameter(name="*")]
# For scripts that were written for a command that asks; this one does what it is told.
Yes = Annotated[bool, Parameter(name=["--accept-yes", "-y"], negative=(), show=False)]


async def set_schedule(name: Name, *, options: Options = None) -> None:
    """Give a deployment one schedule, in place of those it has."""
    schedule = (options or ScheduleOptions()).schedule()
    saved = await _change(name, lambda _: [schedule])
    _say_next(saved, schedule)


@app.command
async def create(
    name: Name,
    *,
    options: Options = None,
    replace: Annotated[bool, Parameter(negative=(), help="In place of those it has.")] = False,
    accept_yes: Yes = False,
) -> None:
    """Give a deployment another schedule; one of the same slug is replaced."""
    del accept_yes
    schedule = (options or ScheduleOptions()).schedule()
    saved = await _change(
        name, lambda before: [*(one for one in before if not replace and one.id != schedule.id), schedule]
    )
    _say_next(saved, schedule)


@app.command
async def ls(deployment_name: Name, *, output: OutputForm = "text") -> None:
    """List the schedules of a deployment, with when they are next due."""
    now = SystemClock().now_us()
    async with working() as work:
        found = await work.deployment(deployment_name)
    if output == "json":
        say_json(
            [
                {**msgspec.to_builtins(one), "active": one.active, "next": _next_json(one, now)}
                for one in found.schedules
            ]
        )
    elif not found.schedules:
        say(f"Deployment '{found.full_name}' has no schedule; `segue deployment schedule create` gives it one.")
    else:
        rows = [
            [Cell(one.id, "bold"), schedule_text(one), _next_text(found, one, now), one.overlap, one.catchup]
            for one in found.schedules
        ]
        say_table(["Schedule", "When", "Next", "Overlap", "Catch-up"], rows, shrink=["When"])


@app.command
async def pause(
    deployment_name: Name,
    schedule_id: ScheduleId | None = None,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative=(), help="All schedules of the deployment.")] = False,
) -> None:
    """Let a schedule rest."""
    await _set_active(deployment_name, schedule_id, all_, False)


@app.command
async def resume(
    deployment_name: Name,
    schedule_id: ScheduleId | None = None,
    *,
    all_: Annotated[bool, Parameter(name="--all", negative=(), help="All schedules of the deployment.")] = False,
) -> None:
    """Let a schedule go on that rests; what would have been in the meantime is not made up for."""
    await _set_active(deployment_name, schedule_id, all_, True)


@app.command
async def delete(deployment_name: Name, schedule_id: ScheduleId, *, accept_yes: Yes = False) -> None:
    """Delete a schedule, and those of its runs that nobody has begun."""
    del accept_yes
    saved = await _change(
        deployment_name, lambda before: [one for one in before if one is not _chosen(before, schedule_id)]
    )
    say(f"Deleted schedule '{schedule_id}' of deployment '{saved.full_name}'.")


@app.command
async def clear(deployment_name: Name, *, accept_yes: Yes = False) -> None:
    """Delete all schedules of a deployment."""
    del accept_yes
    saved = await _change(deployment_name, lambda _: [])
    say(f"Deployment '{saved.full_name}' has no schedule any more.")


async def backfill(
    name: Name,
    *,
    from_: Annotated[str, Parameter(name="--from", help="The first instant: 2026-01-01, or 2026-01-01T06:00.")],
    to: Annotated[str, Parameter(help="The end, which is not in it.")],
    schedule: Annotated[str | None, Parameter(help="The schedule, where there are several.")] = None,
    limit: Annotated[int, Parameter(validator=Number(gte=1), help="How many runs there may be.")] = 1000,
    dry_run: Annotated[bool, Parameter(negative=(), help="Only list the instants.")] = False,
) -> None:
    """Have a deployment run for the instants of a schedule that have passed, each once, however often this is asked.

    Times are those of the schedule's zone.
    """
    async with working() as work:
        found = await work.deployment(name)
        chosen = _chosen(found.schedules, schedule)
        start, end = _instant(from_, "--from", chosen.timezone), _instant(to, "--to", chosen.timezone)
        instants = instants_to_fill(chosen, start, end, limit)
        if dry_run:
            for at in instants:
                say(iso(at))
            return
        async for run in backfilled(work, found, chosen, instants):
            say(f"{run.name}  ", Cell(run.id, "dim"), f"  {run.state.name}")
    say(f"{len(instants)} instants of '{chosen.id}' of deployment '{found.full_name}' have a run.")


async def _change(name: str, changed: Callable[[Sequence[Schedule]], list[Schedule]]) -> Deployment:
    async with working() as work:
        found = await work.deployment(name)
        return await work.save_deployment(msgspec.structs.replace(found, schedules=tuple(changed(found.schedules))))


async def _set_active(name: str, schedule_id: str | None, all_: bool, active: bool) -> None:
    def changed(before: Sequence[Schedule]) -> list[Schedule]:
        chosen = before if all_ else [_chosen(before, schedule_id)]
        return [msgspec.structs.replace(one, active=active) if one in chosen else one for one in before]

    saved = await _change(name, changed)
    which = "All schedules" if all_ else f"Schedule '{_chosen(saved.schedules, schedule_id).id}'"
    say(f"{which} of deployment '{saved.full_name}': {'active' if active else 'paused'}.")


def _chosen(schedules: Sequence[Schedule], schedule_id: str | None) -> Schedule:
    """Return the schedule of this id, or the only one where none is named."""
    if schedule_id is None and len(schedules) == 1:
        return schedules[0]
    for one in schedules:
        if one.id == schedule_id:
            return one
    there = ", ".join(f"'{one.id}'" for one in schedules) or "none"
    if schedule_id is None:
        raise Usage(f"Say which schedule; there is {there}.")
    raise CommandFailed(f"There is no schedule '{schedule_id}'; there is {there}.", ExitCode.RUN_FAILED)


def _instant(text: str, option: str, timezone: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"{option}: '{text}' is no instant; write 2026-01-31, or 2026-01-31T06:00.") from None
    return microseconds(at) if at.tzinfo else instant_of(at, zone_of(timezone))


def _say_next(deployment: Deployment, schedule: Schedule) -> None:
    say(f"Deployment '{deployment.full_name}' runs {schedule_text(schedule)}, as '{schedule.id}'.")
    say(f"Next: {_next_text(deployment, schedule, SystemClock().now_us())}")


def _next_text(deployment: Deployment, schedule: Schedule, now: int) -> str:
    if deployment.paused:
        return "none: the deployment is paused"
    if not schedule.active:
        return "none: it is paused"
    found = upcoming(schedule, now, 1)
    return instant(found[0]) if found else "none: it has ended"


def _next_json(schedule: Schedule, now: int) -> list[str]:
    return [iso(at) for at in upcoming(schedule, now, 5)] if schedule.active else []
