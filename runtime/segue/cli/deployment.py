"""segue deployment: deployments, run, listed, inspected, paused, resumed, deleted."""

import json
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields, say, say_json, say_table
from segue.cli.run_options import RunOptions
from segue.cli.runs import open_runs
from segue.cli.schedule_text import schedule_text
from segue.cli.session import working
from segue.cli.text import ago, clean_line, instant
from segue.cli.watching import watch_run
from segue.records.work import Deployment
from segue_events import SystemClock

__all__ = ("app",)

app = App(name="deployment", help="Deployments: run, list, inspect, pause, resume, delete, schedule.", help_epilogue="")


# By their names, since what reads schedules takes its time to import.
app.command(
    "segue.cli.schedules:app",
    name="schedule",
    help="Schedules of deployments: create, list, pause, resume, delete, clear.",
)
app.command("segue.cli.schedules:set_schedule", name="set-schedule", help="Give a deployment one schedule.")
app.command("segue.cli.schedules:backfill", name="backfill", help="Have a deployment make up for times that passed.")

Name = Annotated[
    str, Parameter(help="The deployment: FLOW/NAME, NAME where no other has it, or its id; blanks, _ and - are alike.")
]


@app.command
async def run(
    deployment: Name, *, options: Annotated[RunOptions | None, Parameter(name="*")] = None, output: OutputForm = "text"
) -> ExitCode:
    """Have a deployment run, at once or later, by whichever worker takes it."""
    wanted, clock = options or RunOptions(), SystemClock()
    async with working() as work:
        found = await work.deployment(deployment)
        made = await work.create_run(wanted.request(found.id, clock.now_us()))
        reason = await work.why_waiting(made.id)
    if output == "json":
        say_json({"id": made.id, "name": made.name, "deployment": found.full_name, "waiting_for": reason or None})
    else:
        say(f"Flow run '{made.name}' ({made.id}) of deployment '{found.full_name}' is asked for.")
        if reason and not wanted.watch:
            say(Cell(reason, "yellow"))
    if not wanted.watch:
        return ExitCode.OK
    async with open_runs() as runs:
        return await watch_run(runs, await runs.flow_run(made.id), clock, wanted.watch_timeout)


@app.command
async def ls(
    *,
    flow_name: Annotated[list[str] | None, Parameter(negative=(), help="Only deployments of this flow.")] = None,
    by_created: Annotated[bool, Parameter(negative=(), help="The latest first, rather than by name.")] = False,
    output: OutputForm = "text",
) -> None:
    """List deployments by name."""
    async with working() as work:
        found = [one for one in await work.deployments() if not flow_name or one.flow_name in flow_name]
    if by_created:
        found.sort(key=lambda one: one.created, reverse=True)
    if output == "json":
        say_json([_json(one) for one in found])
    elif not found:
        say("There are no deployments; `segue deploy` makes them.")
    else:
        say_table(
            ["Name", "Id", "Pool", "Schedules", "State"], [_row(one) for one in found], shrink=["Name", "Schedules"]
        )


@app.command
async def inspect(name: Name, *, output: OutputForm = "text") -> None:
    """Show a deployment: where its code is, where it runs, with what, and when."""
    async with working() as work:
        found = await work.deployment(name)
    if output == "json":
        say_json(_json(found))
    else:
        fields(_fields(found, SystemClock().now_us()))


@app.command
async def pause(name: Name) -> None:
    """Let a deployment make no runs by its schedules, and have none of its runs begun."""
    await _set_paused(name, True)


@app.command
async def resume(name: Name) -> None:
    """Let a deployment that is paused go on."""
    await _set_paused(name, False)


@app.command
async def delete(
    *names: Name, all_: Annotated[bool, Parameter(name="--all", negative=(), help="Delete all deployments.")] = False
) -> None:
    """Delete deployments, and those of their runs that nobody has begun."""
    if bool(names) == all_:
        raise Usage("Say which deployment to delete, or --all: segue deployment delete FLOW/NAME.")
    async with working() as work:
        # All are looked up before one is deleted, so that a wrong name deletes nothing.
        found = await work.deployments() if all_ else [await work.deployment(name) for name in names]
        for one in found:
            await work.delete_deployment(one.id)
            say(f"Deleted deployment '{one.full_name}'.")


async def _set_paused(name: str, paused: bool) -> None:
    async with working() as work:
        found = await work.deployment(name)
        await work.save_deployment(msgspec.structs.replace(found, paused=paused))
    say(f"Deployment '{found.full_name}' is {'paused: `segue deployment resume`' if paused else 'not paused'}.")


def _json(deployment: Deployment) -> dict[str, object]:
    schedules = [msgspec.structs.asdict(one) for one in deployment.schedules]
    return {"full_name": deployment.full_name, **msgspec.structs.asdict(deployment), "schedules": schedules}


def _row(deployment: Deployment) -> list[Cell | str]:
    when = "; ".join(schedule_text(one) for one in deployment.schedules if one.active)
    state = Cell("paused", "yellow") if deployment.paused else Cell("ready", "green")
    return [deployment.full_name, Cell(deployment.id, "dim"), deployment.pool or "(served)", when, state]


def _fields(deployment: Deployment, now: int) -> list[tuple[str, Cell | str]]:
    bound = deployment.concurrency_limit
    of_each = f" of each {deployment.concurrency_key}" if deployment.concurrency_key else ""
    return [
        ("Deployment", Cell(deployment.full_name, "bold")),
        ("Id", deployment.id),
        ("", deployment.description),
        ("State", Cell("paused", "yellow") if deployment.paused else Cell("ready", "green")),
        ("Entrypoint", deployment.entrypoint),
        ("Path", deployment.path),
        ("Work pool", deployment.pool or "none: it runs where it is served"),
        ("Queue", deployment.queue if deployment.pool else ""),
        ("Parameters", _shown(deployment.parameters)),
        ("Schedules", "\n".join(schedule_text(one) for one in deployment.schedules)),
        ("Limit", "" if bound is None else f"{bound} runs{of_each} at a time, more: {deployment.collision}"),
        ("Variables", _shown(deployment.job_variables)),
        ("Version", deployment.version),
        ("Tags", ", ".join(deployment.tags)),
        ("Saved", f"{instant(deployment.updated)} ({ago(deployment.updated, now)})"),
    ]


def _shown(value: dict[str, object]) -> str:
    return clean_line(json.dumps(value, ensure_ascii=False), 2000) if value else ""
