"""Routes of flows: what is known of them by their runs."""

from typing import Any

import msgspec

from segue.api import types
from segue.server.access import Scope
from segue.server.bodies import flow_run_item
from segue.server.etags import by_head
from segue.server.paging import page_of
from segue.server.problems import Problem
from segue.server.queries import Limit, Text
from segue.server.routes.flow_runs import task_counts
from segue.server.routing import Call, Route
from segue.store.tallies import FlowTally

__all__ = ("ROUTES",)

# How far back the runs lie that make the average of a day.
_DAYS = 7
_DAY_US = 86_400 * 1_000_000


class FlowsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which flows, by a text in the name, and how many."""

    search: Text = ""
    limit: Limit = 50
    cursor: Text | None = None


async def flows(call: Call[FlowsQuery, Any]) -> types.Page[types.FlowBody]:
    """List flows by name."""
    query, runs = call.query, call.wiring.store.runs
    page = await runs.flows(since=_lately(call), search=query.search, limit=query.limit, cursor=query.cursor)
    counts = await task_counts(call.wiring.store, [tally.last for tally in page.items if tally.last is not None])
    return page_of(page, lambda tally: _body(tally, counts))


async def flow(call: Call[Any, Any]) -> types.FlowBody:
    """Tell of one flow."""
    name = call.path("name")
    tally = await call.wiring.store.runs.flow(name, since=_lately(call))
    if tally is None:
        raise Problem(404, f"No run of a flow '{name[:200]}' is recorded; /api/flows lists those of which there are.")
    return _body(tally, await task_counts(call.wiring.store, [] if tally.last is None else [tally.last]))


def _lately(call: Call[Any, Any]) -> int:
    return call.wiring.clock.now_us() - _DAYS * _DAY_US


def _body(tally: FlowTally, task_counts: dict[str, dict[str, int]]) -> types.FlowBody:
    last = tally.last
    return types.FlowBody(
        name=tally.name,
        counts={kind.value: number for kind, number in tally.counts.items()},
        total=sum(tally.counts.values()),
        runs_per_day=tally.recent / _DAYS,
        last_run=None if last is None else flow_run_item(last, task_counts[last.id]),
    )


READ = Scope.READ

ROUTES = (
    Route("GET", "/api/flows", READ, flows, "Flows", types.Page[types.FlowBody], FlowsQuery, tag=by_head),
    Route("GET", "/api/flows/{name:path}", READ, flow, "A flow", types.FlowBody, tag=by_head),
)
