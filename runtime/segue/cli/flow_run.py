"""segue flow-run: flow runs, listed, inspected, read, watched, cancelled, retried, deleted."""

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from segue.cli.arguments import Limit, OutputForm, RunName, StateNames
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.forms import flow_run_fields, flow_run_json, history_json, say_history
from segue.cli.listing import say_flow_runs, say_nothing
from segue.cli.logs import LogOptions, say_logs
from segue.cli.output import Cell, fields, say, say_json
from segue.cli.runs import open_runs
from segue.cli.session import NothingRecorded, working
from segue.cli.states import state_filter
from segue.cli.watching import watch_run
from segue.store import FlowRunFilter
from segue_events import SystemClock

__all__ = ("app",)

app = App(name="flow-run", help="Flow runs: list, inspect, read logs, watch, cancel, retry, delete.", help_epilogue="")


@app.command
async def ls(
    *,
    flow_name: Annotated[list[str] | None, Parameter(negative=(), help="Only runs of this flow.")] = None,
    state: StateNames = None,
    deployment: Annotated[str | None, Parameter(help="Only runs of this deployment.")] = None,
    limit: Limit = 15,
    output: OutputForm = "text",
) -> None:
    """List flow runs, the latest first."""
    types, names = state_filter(state)
    wanted = FlowRunFilter(flows=tuple(flow_name or ()), types=types, states=names)
    if deployment is not None:
        async with working() as work:
            wanted = msgspec.structs.replace(wanted, deployments=((await work.deployment(deployment)).id,))
    try:
        async with open_runs() as runs:
            page = await runs.flow_runs(wanted, limit)
    except NothingRecorded as nothing:
        say_nothing(nothing, output)
        return
    say_flow_runs(page.items, SystemClock().now_us(), output)


@app.command
async def inspect(run: RunName, *, output: OutputForm = "text") -> None:
    """Show a flow run: its states with why, its task runs by state, its parameters, its error."""
    async with open_runs() as runs:
        found = await runs.flow_run(run)
        tasks = await runs.task_counts(found)
        history = await runs.states(found)
        waiting_for = await runs.why_waiting(found)
    if output == "json":
        told = {"task_run_counts": tasks, "waiting_for": waiting_for or None, "states": history_json(history)}
        say_json({**flow_run_json(found), **told})
        return
    fields([*flow_run_fields(found, tasks, SystemClock().now_us()), ("Waits for", Cell(waiting_for, "yellow"))])
    say_history(history)
    if found.error:
        say()
        say(Cell(found.error.get("traceback", "").rstrip(), "red"))


@app.command
async def logs(
    run: RunName, *, options: Annotated[LogOptions | None, Parameter(name="*")] = None, output: OutputForm = "text"
) -> None:
    """Print what a flow run and its tasks logged."""
    wanted = options or LogOptions()
    wanted.check()
    async with open_runs() as runs:
        await say_logs(runs, await runs.flow_run(run), wanted, output)


@app.command
async def watch(
    run: RunName,
    *,
    time_limit: Annotated[
        float | None, Parameter(name="--timeout", help="Give up, with exit code 124, after so many seconds.")
    ] = None,
) -> ExitCode:
    """Show a run of any process until it ends; the exit code is 0 if it completed and 1 if not."""
    async with open_runs() as runs:
        return await watch_run(runs, await runs.flow_run(run), SystemClock(), time_limit)


@app.command
async def cancel(
    *names: RunName, reason: Annotated[str, Parameter(help="Why; it is kept with the run's state.")] = ""
) -> None:
    """Ask flow runs to stop, as soon as they hear of it."""
    if not names:
        raise Usage("Say which run to cancel: segue flow-run cancel ID.")
    async with open_runs(to_change=True) as runs:
        # All are looked up before one is cancelled, so that a wrong id cancels nothing.
        found = [await runs.flow_run(name) for name in names]
        for run in found:
            if run.state.is_final():
                raise CommandFailed(
                    f"Flow run '{run.name}' is {run.state.name} already; there is nothing left to cancel.",
                    ExitCode.RUN_FAILED,
                )
        for run in found:
            await runs.cancel(run, reason)
            if (await runs.flow_run(run.id)).state.is_final():
                # Nobody had begun it.
                say(f"Cancelled flow run '{run.name}' ({run.id}).")
            else:
                told = f"`segue flow-run watch {run.id}` shows when it has"
                say(f"Asked flow run '{run.name}' ({run.id}) to stop; {told}.")


@app.command
async def retry(*names: RunName) -> None:
    """Have flow runs of deployments that have ended run again, as other attempts of the same runs."""
    if not names:
        raise Usage("Say which run to retry: segue flow-run retry ID.")
    async with open_runs() as runs:
        found = [await runs.flow_run(name) for name in names]
    async with working() as work:
        for run in found:
            await work.retry_run(run.id)
            say(f"Flow run '{run.name}' ({run.id}) waits for its next attempt.")


@app.command
async def delete(*names: RunName) -> None:
    """Delete flow runs with their task runs and logs."""
    if not names:
        raise Usage("Say which run to delete: segue flow-run delete ID.")
    async with open_runs(to_change=True) as runs:
        # All are looked up before one is deleted, so that a wrong id deletes nothing.
        for found in [await runs.flow_run(name) for name in names]:
            await runs.delete(found)
            say(f"Deleted flow run '{found.name}' ({found.id}).")
