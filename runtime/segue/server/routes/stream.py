"""Routes of the stream: events as they are committed, events to be committed, and what engines look up."""

import asyncio
from typing import Any

import msgspec

from segue.api.engine import CacheEntryBody, EventsIn
from segue.api.types import EventBatch, Head
from segue.server.access import Scope
from segue.server.bodies import instant_or_none
from segue.server.problems import Problem, problem_response
from segue.server.routing import WEBSOCKET, Call, Route
from segue.server.streams.ingest import refusal
from segue.server.streams.intake import Given, publish, read
from segue.server.streams.long_poll import poll
from segue.server.streams.server_sent import MEDIA_TYPE, ServerSentEvents
from segue.server.streams.wanted import StreamQuery, place_of
from segue.server.streams.websocket import converse
from segue_events import CursorReset

__all__ = ("ROUTES",)


async def websocket(call: Call[Any, Any]) -> None:
    """Have the stream's protocol spoken on a websocket."""
    streams = call.wiring.streams
    try:
        with streams.admitted() as scope:
            await converse(call.websocket, call.caller, streams, scope)
    except Problem as problem:
        await call.websocket.send_denial_response(problem_response(problem))


async def stream(call: Call[StreamQuery, Any]) -> EventBatch | ServerSentEvents:
    """Answer with server-sent events to who accepts them, and by long-poll to all others."""
    query, wiring = call.query, call.wiring
    filter = query.filter()
    if MEDIA_TYPE not in call.request.headers.get("accept", ""):
        return await poll(
            wiring.streams, wiring.journal, filter, await place_of(query.after, wiring.journal), query.wait
        )
    after = call.request.headers.get("last-event-id") or query.after
    try:
        return ServerSentEvents(wiring.streams, filter, await place_of(after, wiring.journal))
    except CursorReset as error:
        # An EventSource that is answered by anything but a stream never asks again.
        return ServerSentEvents(wiring.streams, filter, await wiring.journal.head(), error.reason)


async def events_in(call: Call[Any, list[Given]]) -> Head:
    """Commit events; the answer comes when they are durable."""
    bus, given = call.wiring.bus, call.body
    refused = refusal(call.caller, [one.event for one in given])
    if refused is not None:
        raise Problem(403, refused)
    if bus.failure is not None:
        raise bus.failure
    await publish(bus, given)
    return Head(await asyncio.wrap_future(bus.flush()))


class CacheQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which cached result."""

    key: str = ""


async def cache_entry(call: Call[CacheQuery, Any]) -> CacheEntryBody:
    """Tell of the result that lies under a cache key and has not expired."""
    key = call.query.key
    entry = await call.wiring.store.cache(key, call.wiring.clock.now_us())
    if entry is None:
        raise Problem(404, "No result that is still valid lies under this cache key.")
    return CacheEntryBody(
        key=key,
        task_run_id=entry.task_run_id,
        flow_run_id=entry.flow_run_id or None,
        has_result=entry.result is not None,
        result=entry.result,
        stored_result=entry.ref,
        expires=instant_or_none(entry.expires),
    )


ROUTES = (
    Route(WEBSOCKET, "/api/events/stream", Scope.READ, websocket, "Events as they are committed, and to be committed"),
    Route(
        "GET", "/api/events/stream", Scope.READ, stream, "Events as they are committed", EventBatch, query=StreamQuery
    ),
    Route(
        "POST", "/api/events/in", Scope.RUN, events_in, "Commit events", Head, body=EventsIn, reader=read, filed=False
    ),
    Route("GET", "/api/cache-entry", Scope.READ, cache_entry, "A cached result", CacheEntryBody, query=CacheQuery),
)
