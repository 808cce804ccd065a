"""Routes of limits: saved, listed, deleted; and of the leases by which runs hold slots of them."""

from typing import Any

import msgspec

from segue.api import types
from segue.api.work import LeaseAnswer, LeaseIn, Renewed
from segue.records.work import Lease, Limit
from segue.server.access import Scope
from segue.server.etags import by_head
from segue.server.queries import Text
from segue.server.routing import Call, Route
from segue.server.streams.waits import waited

__all__ = ("ROUTES",)


class LeasesQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which leases: those of a limit."""

    limit: Text = ""


async def limits(call: Call[Any, Any]) -> types.Page[Limit]:
    """List all limits by name."""
    return types.Page(await call.wiring.work.limits())


async def save(call: Call[Any, Limit]) -> Limit:
    """Create a limit, or replace the one of this name."""
    return await call.wiring.work.save_limit(call.body)


async def delete(call: Call[Any, Any]) -> None:
    """Delete a limit; who waits for its slots goes on."""
    await call.wiring.work.delete_limit(call.path("name"))


async def leases(call: Call[LeasesQuery, Any]) -> types.Page[Lease]:
    """List who holds slots."""
    return types.Page(await call.wiring.work.leases(call.query.limit))


async def acquire(call: Call[Any, LeaseIn]) -> LeaseAnswer:
    """Take slots of several limits or of none, as soon as they are free."""
    body, work = call.body, call.wiring.work
    lease = await waited(
        call.wiring.streams,
        body.wait,
        lambda wait: work.acquire(body.names, body.slots, body.holder, strict=body.strict, wait=wait),
    )
    return LeaseAnswer(lease)


async def renew(call: Call[Any, Any]) -> Renewed:
    """Hold slots for longer."""
    return Renewed(await call.wiring.work.renew(call.path("lease")))


async def release(call: Call[Any, Any]) -> None:
    """Free slots."""
    await call.wiring.work.release(call.path("lease"))


READ, RUN = Scope.READ, Scope.RUN
LIMITS, LEASES = "/api/limits", "/api/leases"

ROUTES = (
    Route("GET", LIMITS, READ, limits, "Limits", types.Page[Limit], tag=by_head),
    Route("POST", LIMITS, RUN, save, "Create or replace a limit", Limit, body=Limit),
    Route("DELETE", f"{LIMITS}/{{name:path}}", Scope.ADMIN, delete, "Delete a limit", status=204),
    Route("GET", LEASES, READ, leases, "Who holds slots", types.Page[Lease], LeasesQuery, tag=by_head),
    Route("POST", LEASES, RUN, acquire, "Take slots", LeaseAnswer, body=LeaseIn),
    Route("POST", f"{LEASES}/{{lease}}/renew", RUN, renew, "Hold slots for longer", Renewed, filed=False),
    Route("DELETE", f"{LEASES}/{{lease}}", RUN, release, "Free slots", status=204),
)
