"""segue flow-run: flow runs, listed, inspected, read, watched, deleted."""

from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.arguments import Limit, OutputForm, RunName, StateNames
from segue.cli.errors import Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.forms import flow_run_fields, flow_run_json, history_json, say_history
from segue.cli.listing import say_flow_runs, say_nothing
from segue.cli.logs import LogOptions, say_logs
from segue.cli.output import Cell, fields, say, say_json
from segue.cli.session import NothingRecorded, reading, writing
from segue.cli.states import state_filter, states_of
from segue.cli.watching import watch_run
from segue.store import FlowRunFilter
from segue_events import SystemClock

__all__ = ("app",)

app = App(name="flow-run", help="Flow runs: list, inspect, read logs, watch, delete.", help_epilogue="")


@app.command
async def ls(
    *,
    flow_name: Annotated[list[str] | None, Parameter(negative=(), help="Only runs of this flow.")] = None,
    state: StateNames = None,
    limit: Limit = 15,
    output: OutputForm = "text",
) -> None:
    """List flow runs, the latest first."""
    types, names = state_filter(state)
    wanted = FlowRunFilter(flows=tuple(flow_name or ()), types=types, states=names)
    try:
        async with reading() as records:
            page = await records.store.runs.flow_runs(wanted, limit=limit)
    except NothingRecorded as nothing:
        say_nothing(nothing, output)
        return
    say_flow_runs(page.items, SystemClock().now_us(), output)


@app.command
async def inspect(run: RunName, *, output: OutputForm = "text") -> None:
    """Show a flow run: its states with why, its task runs by state, its parameters, its error."""
    async with reading() as records:
        found = await records.store.runs.flow_run(run)
        counts = await records.store.runs.counts([found.id])
        history = await states_of(records, found)
    tasks = {state.value: count for state, count in counts[found.id].items()}
    if output == "json":
        say_json({**flow_run_json(found), "task_run_counts": tasks, "states": history_json(history)})
        return
    fields(flow_run_fields(found, tasks, SystemClock().now_us()))
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
    async with reading() as records:
        await say_logs(records, await records.store.runs.flow_run(run), wanted, output)


@app.command
async def watch(
    run: RunName,
    *,
    time_limit: Annotated[
        float | None, Parameter(name="--timeout", help="Give up, with exit code 124, after so many seconds.")
    ] = None,
) -> ExitCode:
    """Show a run of any process until it ends; the exit code is 0 if it completed and 1 if not."""
    async with reading() as records:
        return await watch_run(records, await records.store.runs.flow_run(run), SystemClock(), time_limit)


@app.command
async def delete(*runs: RunName) -> None:
    """Delete flow runs with their task runs and logs."""
    if not runs:
        raise Usage("Say which run to delete: segue flow-run delete ID.")
    async with writing() as (_, store):
        # All are looked up before one is deleted, so that a wrong id deletes nothing.
        for found in [await store.runs.flow_run(run) for run in runs]:
            await store.delete(found.id, SystemClock().now_us())
            say(f"Deleted flow run '{found.name}' ({found.id}).")
