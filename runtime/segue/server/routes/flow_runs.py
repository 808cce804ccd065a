"""Routes of flow runs: lists of them, and one of them."""

from typing import Any, Literal

import msgspec

from segue.api import types
from segue.records import FlowRun
from segue.server.access import Scope
from segue.server.bodies import flow_run_body, flow_run_item
from segue.server.etags import by_head, by_run
from segue.server.paging import page_of
from segue.server.problems import wrong
from segue.server.queries import Limit, Moment, microseconds
from segue.server.routing import Call, Route
from segue.states import StateType
from segue.store import FlowRunFilter, Store

__all__ = ("ROUTES",)


class FlowRunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which flow runs: those that fit every parameter that is given, and any one value of it; of tags, all.

    `type` and `state` are types and names of states, `since` and `until` bound when a run was created.
    """

    type: tuple[StateType, ...] = ()
    state: tuple[str, ...] = ()
    flow: tuple[str, ...] = ()
    tag: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    parent: Literal["none"] | None = None
    since: Moment | None = None
    until: Moment | None = None

    def filter(self) -> FlowRunFilter:
        """Return what the store is asked."""
        return FlowRunFilter(
            flows=self.flow,
            names=self.name,
            types=self.type,
            states=self.state,
            tags=self.tag,
            since=microseconds(self.since),
            until=microseconds(self.until),
            top_level=self.parent == "none",
        )


class FlowRunsQuery(FlowRunQuery, frozen=True, kw_only=True):
    """Which flow runs, in which order, and how many."""

    sort: Literal["created", "-created"] = "-created"
    limit: Limit = 50
    cursor: str | None = None


async def task_counts(store: Store, runs: list[FlowRun]) -> dict[str, dict[str, int]]:
    """Return how many task runs of each of these flow runs are in each type of state."""
    counts = await store.runs.counts([run.id for run in runs])
    return {run_id: {kind.value: count for kind, count in by_type.items()} for run_id, by_type in counts.items()}


async def flow_runs(call: Call[FlowRunsQuery, Any]) -> types.Page[types.FlowRunItem]:
    """List flow runs."""
    query, store = call.query, call.wiring.store
    try:
        page = await store.runs.flow_runs(
            query.filter(),
            order="oldest" if query.sort == "created" else "newest",
            limit=query.limit,
            cursor=query.cursor,
        )
    except ValueError as error:
        raise wrong("query.cursor", str(error)) from None
    counts = await task_counts(store, page.items)
    return page_of(page, lambda run: flow_run_item(run, counts[run.id]))


async def flow_run(call: Call[Any, Any]) -> types.FlowRunBody:
    """Tell of one flow run, by its id, the beginning of it, or its name."""
    store = call.wiring.store
    run = await store.runs.flow_run(call.path("flow_run"))
    counts = await task_counts(store, [run])
    return flow_run_body(run, counts[run.id])


READ = Scope.READ

ROUTES = (
    Route(
        "GET", "/api/flow-runs", READ, flow_runs, "Flow runs", types.Page[types.FlowRunItem], FlowRunsQuery, tag=by_head
    ),
    Route("GET", "/api/flow-runs/{flow_run}", READ, flow_run, "A flow run", types.FlowRunBody, tag=by_run),
)
