"""Routes of one flow run: what happened in it, state by state, and as a graph."""

from typing import Annotated, Any

import msgspec

from segue.api import types
from segue.records import FlowRun, TaskRun
from segue.server.access import Scope
from segue.server.bodies import event_body, flow_node, state_change, task_node, task_run_item
from segue.server.etags import by_head, by_run
from segue.server.paging import cursors, page_of
from segue.server.queries import Text
from segue.server.routes.events import EventsOfRunQuery
from segue.server.routes.task_runs import TaskRunsOfRunQuery
from segue.server.routing import Call, Route
from segue.states import StateType
from segue.store import Store, TaskRunFilter
from segue.store.histories import Stretch
from segue_events import Filter

__all__ = ("ROUTES",)

_WAITING = frozenset({StateType.SCHEDULED, StateType.PAUSED})


class GraphQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How many nodes of a graph, and behind which ones."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=5000)] = 2000
    cursor: Text | None = None


async def task_runs(call: Call[TaskRunsOfRunQuery, Any]) -> types.Page[types.TaskRunItem]:
    """List the task runs of a flow run."""
    query, store = call.query, call.wiring.store
    run = await _flow_run(call)
    page = await store.runs.all_task_runs(
        query.filter(run.id), newest=query.sort == "-created", limit=query.limit, cursor=query.cursor
    )
    return page_of(page, task_run_item)


async def states(call: Call[Any, Any]) -> types.Page[types.StateChange]:
    """Tell which states a flow run came to, and why."""
    run = await _flow_run(call)
    events = await call.wiring.store.runs.states(run)
    return types.Page([state_change(event) for event in events])


async def events(call: Call[EventsOfRunQuery, Any]) -> types.Page[types.EventBody]:
    """List the events of a flow run, of its task runs and its log lines."""
    run, query = await _flow_run(call), call.query
    with cursors():
        page = await call.wiring.store.events.page(Filter(kinds=query.kinds, runs=(run.id,)), query.part())
    head = call.wiring.bus.position
    return page_of(page, lambda event: event_body(event, head))


async def graph(call: Call[GraphQuery, Any]) -> types.Graph:
    """Tell what was called in a flow run, and what was given to what."""
    store, query = call.wiring.store, call.query
    run = await _flow_run(call)
    page = await store.runs.all_task_runs(
        TaskRunFilter(flow_run=run.id), newest=False, limit=query.limit, cursor=query.cursor
    )
    stretches = await _stretches(store, run, page.items)
    nodes = [task_node(task, stretches.get(task.id, [])) for task in page.items]
    children = await store.runs.children(run) if query.cursor is None else []
    nodes += [flow_node(child) for child in children]
    edges = [
        types.GraphEdge(source=source, target=task.id, kind="upstream")
        for task in page.items
        for source in task.upstream
    ]
    edges += [
        types.GraphEdge(source=one.parent_id, target=one.id, kind="parent")
        for one in (*page.items, *children)
        if one.parent_id not in ("", run.id)
    ]
    return types.Graph(nodes=nodes, edges=edges, next=page.next)


async def _stretches(store: Store, run: FlowRun, tasks: list[TaskRun]) -> dict[str, list[Stretch]]:
    """Return the states of those that one begin and one end do not tell of."""
    varied = [task for task in tasks if task.run_count > 1 or task.state.type in _WAITING]
    return await store.runs.stretches(run.id, varied) if varied else {}


async def _flow_run(call: Call[Any, Any]) -> FlowRun:
    return await call.wiring.store.runs.flow_run(call.path("flow_run"))


READ = Scope.READ
RUN = "/api/flow-runs/{flow_run}"
TASK_RUNS, STATES = types.Page[types.TaskRunItem], types.Page[types.StateChange]
EVENTS = types.Page[types.EventBody]

ROUTES = (
    Route("GET", f"{RUN}/task-runs", READ, task_runs, "Its task runs", TASK_RUNS, TaskRunsOfRunQuery, tag=by_run),
    Route("GET", f"{RUN}/states", READ, states, "The states it came to, and why", STATES, tag=by_run),
    Route("GET", f"{RUN}/events", READ, events, "Its events", EVENTS, EventsOfRunQuery, tag=by_run),
    Route("GET", f"{RUN}/graph", READ, graph, "What was called in it", types.Graph, GraphQuery, tag=by_head),
)
