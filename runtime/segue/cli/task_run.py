"""segue task-run: task runs, listed and inspected."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.arguments import Limit, OutputForm, RunName, StateNames
from segue.cli.forms import history_json, say_history, task_run_fields, task_run_json
from segue.cli.listing import say_nothing, say_task_runs
from segue.cli.output import Cell, fields, say, say_json
from segue.cli.session import NothingRecorded, reading
from segue.cli.states import state_filter, states_of
from segue.records import TaskRun
from segue.states import StateType
from segue.store import Store
from segue_events import SystemClock

__all__ = ("app",)

PAGE = 1000

app = App(name="task-run", help="Task runs: list, inspect.", help_epilogue="")


@app.command
async def ls(
    *,
    flow_run: Annotated[str | None, Parameter(help="Only runs in this flow run: id, beginning of it, or name.")] = None,
    task_name: Annotated[list[str] | None, Parameter(negative=(), help="Only runs of this task.")] = None,
    state: StateNames = None,
    limit: Limit = 15,
    output: OutputForm = "text",
) -> None:
    """List task runs in the order of their beginning: of one flow run, or of all, the latest flow run first."""
    types, names = state_filter(state)
    runs: list[TaskRun] = []
    try:
        async with reading() as (_, store):
            flow_runs = _all_flow_runs(store) if flow_run is None else _one_flow_run(store, flow_run)
            async with aclosing(_task_runs(store, flow_runs, types)) as found:
                async for run in found:
                    if (not names or run.state_name in names) and (not task_name or run.task_name in task_name):
                        runs.append(run)
                    if len(runs) >= limit:
                        break
    except NothingRecorded as nothing:
        say_nothing(nothing, output)
        return
    say_task_runs(runs, SystemClock().now_us(), output)


@app.command
async def inspect(run: RunName, *, output: OutputForm = "text") -> None:
    """Show a task run: its states with why, its place in the flow, its error."""
    async with reading() as records:
        found = await records.store.runs.task_run(run)
        history = await states_of(records, found)
    if output == "json":
        say_json({**task_run_json(found), "states": history_json(history)})
        return
    fields(task_run_fields(found, SystemClock().now_us()))
    say_history(history)
    if found.error:
        say()
        say(Cell(found.error.get("traceback", "").rstrip(), "red"))


async def _task_runs(
    store: Store, flow_runs: AsyncGenerator[str], types: tuple[StateType, ...]
) -> AsyncGenerator[TaskRun]:
    async with aclosing(flow_runs):
        async for flow_run_id in flow_runs:
            cursor: str | None = None
            while True:
                page = await store.runs.task_runs(flow_run_id, types=types, limit=PAGE, cursor=cursor)
                for run in page.items:
                    yield run
                if (cursor := page.next) is None:
                    break


async def _one_flow_run(store: Store, wanted: str) -> AsyncGenerator[str]:
    yield (await store.runs.flow_run(wanted)).id


async def _all_flow_runs(store: Store) -> AsyncGenerator[str]:
    """Yield the ids of all flow runs, the latest first, and at last "", which stands for no flow run."""
    cursor: str | None = None
    while True:
        page = await store.runs.flow_runs(limit=PAGE, cursor=cursor)
        for run in page.items:
            yield run.id
        if (cursor := page.next) is None:
            break
    yield ""
