"""Server-sent events: a stream as text, for `curl` and for a browser's EventSource."""

from collections.abc import AsyncIterator

import anyio
import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from segue.server.bodies import event_body
from segue.server.problems import Problem, problem_response
from segue.server.streams.streams import Streams
from segue_events import Cursor, CursorReset, Event, Filter

__all__ = ("ServerSentEvents",)

MEDIA_TYPE = "text/event-stream"

# After how many milliseconds a browser dials again, and what keeps the connections of proxies open.
_RETRY = b"retry: 1000\n\n"
_ALIVE = b": alive\n\n"


class ServerSentEvents(Response):
    """Sends each event in a message of its own, whose id is the cursor after it.

    When retention overtakes a client that reads slowly, a message of type "reset" says so and the stream ends; a
    client that reads nothing for the limits' `stall_seconds` is left.
    """

    media_type = MEDIA_TYPE

    def __init__(self, streams: Streams, filter: Filter, after: Cursor, reset: str | None = None) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # The length of a body that has no end.
        del self.headers["content-length"]
        self._streams = streams
        self._filter = filter
        self._after = after
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        try:
            with self._streams.admitted() as admitted:
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                with admitted:
                    async with anyio.create_task_group() as group:
                        group.start_soon(_until_gone, receive, group.cancel_scope)
                        await self._send_all(send)
                        group.cancel_scope.cancel()
                with anyio.move_on_after(self._streams.limits.closing_seconds):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
        except Problem as problem:
            await problem_response(problem)(scope, receive, send)

    async def _send_all(self, send: Send) -> None:
        async for chunk in self._chunks():
            with anyio.move_on_after(self._streams.limits.stall_seconds) as waiting:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if waiting.cancelled_caught:
                return

    async def _chunks(self) -> AsyncIterator[bytes]:
        yield _RETRY
        if self._reset is not None:
            yield _message(self._after, {"reason": self._reset}, b"event: reset\n")
        try:
            async with self._streams.bus.subscribe(self._filter, after=self._after) as subscription:
                while True:
                    events: list[Event] = []
                    with anyio.move_on_after(self._streams.limits.mark_seconds):
                        events = await anext(subscription)
                    if events:
                        await self._streams.pace()
                        events = [*events, *subscription.waiting()]
                    cursor = subscription.cursor
                    yield b"".join(_event(event, cursor) for event in events) or _ALIVE
        except StopAsyncIteration:
            return  # the journal was closed
        except CursorReset as error:
            yield _message(self._after, {"reason": error.reason}, b"event: reset\n")


def _event(event: Event, head: Cursor) -> bytes:
    return _message(msgspec.structs.replace(head, seq=event.seq), event_body(event, head))


def _message(cursor: Cursor, data: object, kind: bytes = b"") -> bytes:
    # JSON has no line break outside of texts, and escapes those inside.
    return b"%bid: %b\ndata: %b\n\n" % (kind, str(cursor).encode(), msgspec.json.encode(data))


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
