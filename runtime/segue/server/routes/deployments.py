"""Routes of deployments: saved, found, listed, paused, deleted, and run."""

from typing import Any

import msgspec

from segue.api import types
from segue.api.work import RunIn
from segue.records.work import Deployment, RunRequest
from segue.server.access import Scope
from segue.server.bodies import flow_run_body
from segue.server.etags import by_head
from segue.server.queries import Text
from segue.server.routing import Call, Route

__all__ = ("ROUTES",)


class DeploymentsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which deployments: those of a flow, of a pool, with a tag, and with a text in their names."""

    flow: Text = ""
    pool: Text = ""
    tag: Text = ""
    search: Text = ""


async def deployments(call: Call[DeploymentsQuery, Any]) -> types.Page[Deployment]:
    """List deployments by name."""
    query = call.query
    found = await call.wiring.work.deployments(flow=query.flow, pool=query.pool, tag=query.tag, search=query.search)
    return types.Page(found)


async def deployment(call: Call[Any, Any]) -> Deployment:
    """Tell of one deployment, by its id or its name, which may be written in several ways."""
    return await _deployment(call)


async def save(call: Call[Any, Deployment]) -> Deployment:
    """Create a deployment, or replace the one of this flow and name."""
    return await call.wiring.work.save_deployment(call.body)


async def pause(call: Call[Any, Any]) -> Deployment:
    """Let its schedules make no runs, and have none of its runs begun."""
    return await _with_pause(call, True)


async def resume(call: Call[Any, Any]) -> Deployment:
    """Let it go on."""
    return await _with_pause(call, False)


async def delete(call: Call[Any, Any]) -> None:
    """Delete a deployment, and its runs that nobody has begun."""
    await call.wiring.work.delete_deployment((await _deployment(call)).id)


async def run(call: Call[Any, RunIn]) -> types.FlowRunBody:
    """Have a deployment run, at once or later."""
    found = await _deployment(call)
    request = RunRequest(deployment_id=found.id, **{name: getattr(call.body, name) for name in RunIn.__struct_fields__})
    made = await call.wiring.work.create_run(request)
    return flow_run_body(made, {}, await call.wiring.work.why_waiting(made.id), found.id)


async def _deployment(call: Call[Any, Any]) -> Deployment:
    return await call.wiring.work.deployment(call.path("deployment"))


async def _with_pause(call: Call[Any, Any], paused: bool) -> Deployment:
    found = await _deployment(call)
    if found.paused == paused:
        return found
    return await call.wiring.work.save_deployment(msgspec.structs.replace(found, paused=paused))


READ, RUN = Scope.READ, Scope.RUN
ALL, LIST = "/api/deployments", types.Page[Deployment]
# Names hold a slash, ids hold none; what is done with a deployment is asked for by its id.
ONE, BY_ID = f"{ALL}/{{deployment:path}}", f"{ALL}/{{deployment}}"

ROUTES = (
    Route("GET", ALL, READ, deployments, "Deployments", LIST, DeploymentsQuery, tag=by_head),
    Route("POST", ALL, RUN, save, "Create or replace a deployment", Deployment, body=Deployment),
    Route("POST", f"{BY_ID}/runs", RUN, run, "Have it run", types.FlowRunBody, body=RunIn, status=201),
    Route("POST", f"{BY_ID}/pause", RUN, pause, "Have it make no runs", Deployment),
    Route("POST", f"{BY_ID}/resume", RUN, resume, "Have it go on", Deployment),
    Route("GET", ONE, READ, deployment, "A deployment", Deployment, tag=by_head),
    Route("DELETE", ONE, Scope.ADMIN, delete, "Delete a deployment", status=204),
)
