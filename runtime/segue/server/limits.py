"""Limits: how long the head and the body of a request may be, and how long a client may take to send them."""

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.server.problems import Problem, problem_response
from segue_events import Clock

__all__ = ("Limits",)

_MAX_HEAD = 32 * 1024
# What somebody may send before it is known who it is: a login, and no more.
_MAX_STRANGERS_BODY = 4 * 1024
# Seconds for the next part of a body.
_PATIENCE = 10.0


class Limits:
    """ASGI middleware that ends requests which are too long, or come too slowly.

    A route that reads more of a body than `max_body` bytes gets a Problem from that, as it does from a client that
    sends nothing for ten seconds. On the paths of `strangers`, which anybody may use, it is 4 KiB. The connection stays
    open, and what is still on its way is thrown away: to close it would take the answer from a client that is sending.
    """

    def __init__(self, app: ASGIApp, max_body: int, clock: Clock, strangers: frozenset[str]) -> None:
        self._app = app
        self._max_body = max_body
        self._clock = clock
        self._strangers = strangers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if sum(len(name) + len(value) for name, value in scope["headers"]) + len(scope["query_string"]) > _MAX_HEAD:
            refusal = Problem(431, f"The headers and the query are longer than {_MAX_HEAD:,} bytes.")
            await problem_response(refusal)(scope, receive, send)
            return
        most = _MAX_STRANGERS_BODY if scope["path"] in self._strangers else self._max_body
        await self._app(scope, _Bounded(receive, most, self._clock, _declared(scope)).receive, send)


def _declared(scope: Scope) -> int:
    """Return how long the body is to be; 0 where that is not said."""
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isdecimal() else 0


class _Bounded:
    """The receiving end of one request."""

    def __init__(self, receive: Receive, most: int, clock: Clock, declared: int) -> None:
        self._receive = receive
        self._most = most
        self._clock = clock
        self._declared = declared
        self._taken = 0
        self._whole = False

    async def receive(self) -> Message:
        """Return the next message; raises Problem for a body that is too long or does not come."""
        if self._whole:
            # What comes now is the client's farewell, and that has time.
            return await self._receive()
        if self._declared > self._most:
            raise self._too_long()
        message = await self._in_time()
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
        if self._taken > self._most:
            raise self._too_long()
        return message

    def _too_long(self) -> Problem:
        return Problem(413, f"The body is longer than {self._most:,} bytes; send it in parts.")

    async def _in_time(self) -> Message:
        message: Message | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(self._lose_patience, group.cancel_scope)
            message = await self._receive()
            group.cancel_scope.cancel()
        if message is None:
            raise Problem(408, f"Nothing of the body came for {_PATIENCE:.0f} s.")
        return message

    async def _lose_patience(self, scope: anyio.CancelScope) -> None:
        await self._clock.sleep(_PATIENCE)
        scope.cancel()
