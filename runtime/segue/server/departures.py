"""Departures: who came in leaves when they would not be let in any more: their key is revoked, or they log out."""

from dataclasses import dataclass

import anyio
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from segue.server.authentication import ADMITTED, Authentication

__all__ = ("Departures",)

_UNAUTHORIZED = 4401
_NO_REASON = "You are not let in any more; connect again with a key that is valid."
# Seconds between two looks whether the file of keys has changed; what expires is found at every fifteenth.
_EVERY, _THOROUGH = 2.0, 15


@dataclass(slots=True, eq=False)
class _Guest:
    connection: HTTPConnection
    scope: anyio.CancelScope


class Departures:
    """ASGI middleware that knows which requests are under way, most of them streams; and the service that ends them."""

    name = "departures"

    def __init__(self, app: ASGIApp, authentication: Authentication) -> None:
        self._app = app
        self._authentication = authentication
        self._guests: set[_Guest] = set()
        self._stamp: object = None
        self._looks = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        guest = _Guest(HTTPConnection(scope), anyio.CancelScope())
        started = False

        async def noticed(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        self._guests.add(guest)
        try:
            with guest.scope:
                await self._app(scope, receive, noticed)
        finally:
            self._guests.discard(guest)
        if guest.scope.cancelled_caught:
            await _part(scope, send, started)

    async def step(self, now: int) -> float:
        """End what is under way for those who would not be let in any more; see Service."""
        stamp, self._looks = self._authentication.keys.stamp, self._looks + 1
        if stamp != self._stamp or self._looks % _THOROUGH == 0:
            self._stamp = stamp
            for guest in list(self._guests):
                if ADMITTED in guest.connection.scope and not self._authentication.is_let_in(guest.connection):
                    guest.scope.cancel()
        return _EVERY


async def _part(scope: Scope, send: Send, started: bool) -> None:
    """Say why, where that can still be said."""
    try:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": _UNAUTHORIZED, "reason": _NO_REASON})
        elif started:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except RuntimeError:
        return  # it is closed already
