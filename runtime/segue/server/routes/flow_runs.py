"""Routes of flow runs: lists of them, counts, and one of them."""

from typing import Annotated, Any, Literal

import msgspec

from segue.api import types
from segue.api.types import instant_text
from segue.records import FlowRun
from segue.run_events import flow_run_deleted
from segue.server.access import Scope
from segue.server.bodies import flow_run_body, flow_run_item
from segue.server.etags import by_head, by_waiting
from segue.server.paging import cursors, page_of
from segue.server.problems import wrong
from segue.server.queries import Limit, Moment, Place, Text, Texts, microseconds
from segue.server.routing import Call, Route
from segue.states import StateType
from segue.store import FlowRunFilter, Store
from segue.store.listing import Sort

__all__ = ("ROUTES",)

_DAY_US = 86_400 * 1_000_000


class FlowRunQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which flow runs: those that fit every parameter that is given, and any one value of it; of tags, all."""

    type: Annotated[tuple[StateType, ...], msgspec.Meta(max_length=50)] = ()
    state: Texts = ()
    flow: Texts = ()
    tag: Texts = ()
    name: Texts = ()
    search: Text = ""
    deployment: Texts = ()
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
            deployments=self.deployment,
            since=microseconds(self.since),
            until=microseconds(self.until),
            search=self.search,
            top_level=self.parent == "none",
        )


class FlowRunsQuery(FlowRunQuery, frozen=True, kw_only=True):
    """Which flow runs, in which order, and how many; runs that have not begun or ended are the least."""

    sort: Sort = "-created"
    limit: Limit = 50
    cursor: Place | None = None


class HistoryQuery(FlowRunQuery, frozen=True, kw_only=True):
    """Which flow runs are counted in how many buckets; by default those of the last 24 hours."""

    buckets: Annotated[int, msgspec.Meta(ge=1, le=500)] = 60


async def flow_runs(call: Call[FlowRunsQuery, Any]) -> types.Page[types.FlowRunItem]:
    """List flow runs."""
    query, store = call.query, call.wiring.store
    with cursors():
        page = await store.runs.flow_runs(query.filter(), sort=query.sort, limit=query.limit, cursor=query.cursor)
    counts = await task_counts(store, page.items)
    deployments = await call.wiring.work_store.deployments_of([run.id for run in page.items])
    return page_of(page, lambda run: flow_run_item(run, counts[run.id], deployments.get(run.id)))


async def count(call: Call[FlowRunQuery, Any]) -> types.Counts:
    """Count flow runs by the type of their state."""
    counts = await call.wiring.store.runs.count(call.query.filter())
    return types.Counts({kind.value: number for kind, number in counts.items()}, sum(counts.values()))


async def history(call: Call[HistoryQuery, Any]) -> types.History:
    """Count flow runs by when they were created."""
    wanted = call.query.filter()
    until = call.wiring.clock.now_us() if wanted.until is None else wanted.until
    since = until - _DAY_US if wanted.since is None else wanted.since
    if since >= until:
        raise wrong("query.since", "It is not before `until`; give an earlier one.")
    within = msgspec.structs.replace(wanted, since=None, until=None)
    buckets = await call.wiring.store.runs.history(since, until, call.query.buckets, within)
    return types.History(
        [
            types.Bucket(
                start=instant_text(bucket.start),
                end=instant_text(bucket.end),
                counts={kind.value: number for kind, number in bucket.counts.items()},
            )
            for bucket in buckets
        ]
    )


async def flow_run(call: Call[Any, Any]) -> types.FlowRunBody:
    """Tell of one flow run, by its id, the beginning of it, or its name."""
    wiring = call.wiring
    run = await wiring.store.runs.flow_run(call.path("flow_run"))
    counts = await task_counts(wiring.store, [run])
    deployments = await wiring.work_store.deployments_of([run.id])
    reason = "" if run.state.is_final() else await wiring.work.why_waiting(run.id)
    return flow_run_body(run, counts[run.id], reason, deployments.get(run.id))


async def delete(call: Call[Any, Any]) -> None:
    """Take a flow run, its task runs and its log lines out of all lists."""
    run = await call.wiring.store.runs.flow_run(call.path("flow_run"))
    call.wiring.bus.publish(flow_run_deleted(run.id, call.wiring.clock.now_us()))
    await call.wiring.bus.flushed()


async def task_counts(store: Store, runs: list[FlowRun]) -> dict[str, dict[str, int]]:
    """Return how many task runs of each of these flow runs are in each type of state."""
    counts = await store.runs.counts([run.id for run in runs])
    return {run_id: {kind.value: number for kind, number in by_type.items()} for run_id, by_type in counts.items()}


READ = Scope.READ
LIST = types.Page[types.FlowRunItem]

ROUTES = (
    Route("GET", "/api/flow-runs", READ, flow_runs, "Flow runs", LIST, FlowRunsQuery, tag=by_head),
    Route("GET", "/api/flow-runs/count", READ, count, "How many", types.Counts, FlowRunQuery, tag=by_head),
    Route("GET", "/api/flow-runs/history", READ, history, "How many, when", types.History, HistoryQuery),
    Route("GET", "/api/flow-runs/{flow_run}", READ, flow_run, "A flow run", types.FlowRunBody, tag=by_waiting),
    Route("DELETE", "/api/flow-runs/{flow_run}", Scope.ADMIN, delete, "Delete a flow run", status=204),
)
