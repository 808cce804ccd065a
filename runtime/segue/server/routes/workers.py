"""Routes of workers: who there are, and what they ask for: to join, runs, signs of life, how runs ended, to leave."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import msgspec

from segue.api import types
from segue.api.types import microseconds_in
from segue.api.work import BeatBody, BeatIn, ClaimIn, Claims, Settled, SettleIn, StateIn, Stops, StopsIn
from segue.records.work import WorkerInfo
from segue.server.access import Scope
from segue.server.etags import by_head
from segue.server.problems import wrong
from segue.server.queries import Text
from segue.server.routing import Call, Route
from segue.server.streams.waits import waited
from segue.states import State

__all__ = ("ROUTES",)


class WorkersQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which workers: those of a pool."""

    pool: Text = ""


async def workers(call: Call[WorkersQuery, Any]) -> types.Page[WorkerInfo]:
    """List workers, the latest first."""
    return types.Page(await call.wiring.work.workers(call.query.pool))


async def join(call: Call[Any, WorkerInfo]) -> WorkerInfo:
    """Make a worker known."""
    return await call.wiring.work.join(call.body)


async def claim(call: Call[Any, ClaimIn]) -> Claims:
    """Give a worker runs that are due, as soon as there are any."""
    body, work = call.body, call.wiring.work
    found = await waited(call.wiring.streams, body.wait, lambda wait: work.claim(call.path("worker"), body.most, wait))
    return Claims(found or [])


async def beat(call: Call[Any, BeatIn]) -> BeatBody:
    """Take a worker's sign of life."""
    told = await call.wiring.work.beat(call.path("worker"), call.body.held)
    return BeatBody(stop=told.stop, lost=told.lost)


async def stops(call: Call[Any, StopsIn]) -> Stops:
    """Say which of a worker's runs are to stop, as soon as there are others than it knows of."""
    body, work = call.body, call.wiring.work
    ask: Callable[[float], Awaitable[list[str]]] = partial(work.stops, call.path("worker"), body.known)
    found = await waited(call.wiring.streams, body.wait, ask)
    return Stops(stop=tuple(body.known if found is None else found))


async def settle(call: Call[Any, SettleIn]) -> Settled:
    """Record how a worker's run ended, or take it back."""
    state = _state(call.body.state, call.wiring.clock.now_us())
    return Settled(await call.wiring.work.settle(call.path("worker"), call.body.claim, state))


async def leave(call: Call[Any, Any]) -> None:
    """Let a worker go."""
    await call.wiring.work.leave(call.path("worker"))


def _state(given: StateIn, now: int) -> State[Any]:
    try:
        occurred = now if given.timestamp is None else microseconds_in(given.timestamp)
    except (ValueError, OverflowError) as error:
        raise wrong("body.state.timestamp", str(error)) from None
    return State(given.type, given.name, given.message, occurred)


READ, RUN = Scope.READ, Scope.RUN
ALL, ONE = "/api/workers", "/api/workers/{worker}"

ROUTES = (
    Route("GET", ALL, READ, workers, "Workers", types.Page[WorkerInfo], WorkersQuery, tag=by_head),
    Route("POST", ALL, RUN, join, "Make a worker known", WorkerInfo, body=WorkerInfo),
    Route("POST", f"{ONE}/claim", RUN, claim, "Give it runs that are due", Claims, body=ClaimIn),
    Route("POST", f"{ONE}/beat", RUN, beat, "Take its sign of life", BeatBody, body=BeatIn, filed=False),
    Route("POST", f"{ONE}/stops", RUN, stops, "Say which of its runs are to stop", Stops, body=StopsIn, filed=False),
    Route("POST", f"{ONE}/settle", RUN, settle, "Record how its run ended", Settled, body=SettleIn),
    Route("POST", f"{ONE}/leave", RUN, leave, "Let it go", status=204, filed=False),
)
