"""Routes of task runs: lists of them, and one of them."""

from typing import Annotated, Any, Literal

import msgspec

from segue.api import types
from segue.server.access import Scope
from segue.server.bodies import state_change, task_run_body, task_run_item
from segue.server.etags import by_head
from segue.server.paging import page_of
from segue.server.queries import Limit, Moment, Text, Texts, microseconds
from segue.server.routing import Call, Route
from segue.states import StateType
from segue.store import TaskRunFilter

__all__ = ("ROUTES", "TaskRunsOfRunQuery")


class TaskRunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which task runs: those that fit every parameter that is given, and any one value of it; of tags, all."""

    type: Annotated[tuple[StateType, ...], msgspec.Meta(max_length=50)] = ()
    state: Texts = ()
    task: Texts = ()
    tag: Texts = ()
    name: Texts = ()
    search: Text = ""
    since: Moment | None = None
    until: Moment | None = None
    limit: Limit = 50
    cursor: Text | None = None

    def filter(self, flow_run_id: str | None) -> TaskRunFilter:
        """Return what the store is asked, within a flow run (whole id) or in all of them."""
        return TaskRunFilter(
            flow_run=flow_run_id,
            tasks=self.task,
            names=self.name,
            types=self.type,
            states=self.state,
            tags=self.tag,
            since=microseconds(self.since),
            until=microseconds(self.until),
            search=self.search,
        )


class TaskRunsOfRunQuery(TaskRunQuery, frozen=True, kw_only=True):
    """Which task runs of a flow run, the first or the last ones first."""

    sort: Literal["created", "-created"] = "created"


class TaskRunsQuery(TaskRunQuery, frozen=True, kw_only=True):
    """Which task runs of all; of one flow run only, or with "none" of those outside of flows."""

    flow_run: Text | None = None
    sort: Literal["created", "-created"] = "-created"


async def task_runs(call: Call[TaskRunsQuery, Any]) -> types.Page[types.TaskRunItem]:
    """List task runs."""
    query, runs = call.query, call.wiring.store.runs
    flow_run_id = None
    if query.flow_run is not None:
        flow_run_id = "" if query.flow_run == "none" else (await runs.flow_run(query.flow_run)).id
    page = await runs.all_task_runs(
        query.filter(flow_run_id), newest=query.sort == "-created", limit=query.limit, cursor=query.cursor
    )
    return page_of(page, task_run_item)


async def task_run(call: Call[Any, Any]) -> types.TaskRunBody:
    """Tell of one task run, by its id or the beginning of it."""
    return task_run_body(await call.wiring.store.runs.task_run(call.path("task_run"), by_name=False))


async def states(call: Call[Any, Any]) -> types.Page[types.StateChange]:
    """Tell which states a task run came to, and why."""
    runs = call.wiring.store.runs
    run = await runs.task_run(call.path("task_run"), by_name=False)
    return types.Page([state_change(event) for event in await runs.states(run)])


READ = Scope.READ
LIST, STATES = types.Page[types.TaskRunItem], types.Page[types.StateChange]
RUN = "/api/task-runs/{task_run}"

ROUTES = (
    Route("GET", "/api/task-runs", READ, task_runs, "Task runs", LIST, TaskRunsQuery, tag=by_head),
    Route("GET", RUN, READ, task_run, "A task run", types.TaskRunBody, tag=by_head),
    Route("GET", f"{RUN}/states", READ, states, "The states it came to, and why", STATES, tag=by_head),
)
