"""segue task-run: task runs, listed and inspected."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from segue.cli.arguments import Limit, OutputForm, RunName, StateNames
from segue.cli.forms import history_json, say_history, task_run_fields, task_run_json
from segue.cli.listing import say_nothing, say_task_runs
from segue.cli.output import Cell, fields, say, say_json
from segue.cli.runs import Runs, open_runs
from segue.cli.session import NothingRecorded
from segue.cli.states import state_filter
from segue.records import TaskRun
from segue.store import FlowRunFilter, TaskRunFilter
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
    wanted = TaskRunFilter(types=types, states=names, tasks=tuple(task_name or ()))
    shown: list[TaskRun] = []
    try:
        async with open_runs() as runs:
            flow_runs = _all_flow_runs(runs) if flow_run is None else _one_flow_run(runs, flow_run)
            async with aclosing(_task_runs(runs, flow_runs, wanted)) as found:
                async for run in found:
                    shown.append(run)
                    if len(shown) >= limit:
                        break
    except NothingRecorded as nothing:
        say_nothing(nothing, output)
        return
    say_task_runs(shown, SystemClock().now_us(), output)


@app.command
async def inspect(run: RunName, *, output: OutputForm = "text") -> None:
    """Show a task run: its states with why, its place in the flow, its error."""
    async with open_runs() as runs:
        found = await runs.task_run(run)
        history = await runs.states(found)
    if output == "json":
        say_json({**task_run_json(found), "states": history_json(history)})
        return
    fields(task_run_fields(found, SystemClock().now_us()))
    say_history(history)
    if found.error:
        say()
        say(Cell(found.error.get("traceback", "").rstrip(), "red"))


async def _task_runs(runs: Runs, flow_runs: AsyncGenerator[str], wanted: TaskRunFilter) -> AsyncGenerator[TaskRun]:
    async with aclosing(flow_runs):
        async for flow_run_id in flow_runs:
            cursor: str | None = None
            while True:
                page = await runs.task_runs(msgspec.structs.replace(wanted, flow_run=flow_run_id), PAGE, cursor)
                for run in page.items:
                    yield run
                if (cursor := page.next) is None:
                    break


async def _one_flow_run(runs: Runs, wanted: str) -> AsyncGenerator[str]:
    yield (await runs.flow_run(wanted)).id


async def _all_flow_runs(runs: Runs) -> AsyncGenerator[str]:
    """Yield the ids of all flow runs, the latest first, and at last "", which stands for no flow run."""
    cursor: str | None = None
    while True:
        page = await runs.flow_runs(FlowRunFilter(), PAGE, cursor)
        for run in page.items:
            yield run.id
        if (cursor := page.next) is None:
            break
    yield ""
