"""Routes of work pools, with their queues: saved, found, listed, paused, deleted."""

from typing import Any

import msgspec

from segue.api import types
from segue.records.work import WorkPool
from segue.server.access import Scope
from segue.server.etags import by_head
from segue.server.routing import Call, Route

__all__ = ("ROUTES",)


async def pools(call: Call[Any, Any]) -> types.Page[WorkPool]:
    """List all work pools by name."""
    return types.Page(await call.wiring.work.pools())


async def pool(call: Call[Any, Any]) -> WorkPool:
    """Tell of one work pool."""
    return await call.wiring.work.pool(call.path("pool"))


async def save(call: Call[Any, WorkPool]) -> WorkPool:
    """Create a work pool, or replace the one of this name."""
    return await call.wiring.work.save_pool(call.body)


async def pause(call: Call[Any, Any]) -> WorkPool:
    """Let its workers be given no runs."""
    return await _with_pause(call, True)


async def resume(call: Call[Any, Any]) -> WorkPool:
    """Let its workers be given runs again."""
    return await _with_pause(call, False)


async def delete(call: Call[Any, Any]) -> None:
    """Delete a work pool that no deployment uses."""
    await call.wiring.work.delete_pool(call.path("pool"))


async def _with_pause(call: Call[Any, Any], paused: bool) -> WorkPool:
    found = await call.wiring.work.pool(call.path("pool"))
    if found.paused == paused:
        return found
    return await call.wiring.work.save_pool(msgspec.structs.replace(found, paused=paused))


READ, RUN = Scope.READ, Scope.RUN
ALL, ONE = "/api/work-pools", "/api/work-pools/{pool}"

ROUTES = (
    Route("GET", ALL, READ, pools, "Work pools", types.Page[WorkPool], tag=by_head),
    Route("POST", ALL, RUN, save, "Create or replace a work pool", WorkPool, body=WorkPool),
    Route("GET", ONE, READ, pool, "A work pool", WorkPool, tag=by_head),
    Route("POST", f"{ONE}/pause", RUN, pause, "Have none of its runs begun", WorkPool),
    Route("POST", f"{ONE}/resume", RUN, resume, "Have it go on", WorkPool),
    Route("DELETE", ONE, Scope.ADMIN, delete, "Delete a work pool", status=204),
)
