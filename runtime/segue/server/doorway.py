"""The doorway: what happens to every request before and after all else: the Guard, and the headers of each answer."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from segue.api.types import API_VERSION
from segue.server.problems import Problem, problem_response
from segue_events.stream.guard import Guard

__all__ = ("Doorway",)

_ALWAYS = {
    "Segue-Api": str(API_VERSION),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Doorway:
    """ASGI middleware that refuses foreign Hosts and Origins, and says in each answer which API this is."""

    def __init__(self, app: ASGIApp, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def answer(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                headers = MutableHeaders(scope=message)
                for name, value in _ALWAYS.items():
                    headers[name] = value
                if scope["path"].startswith("/api"):
                    # Kept by the browser, but asked about each time: the tag answers that in a moment.
                    headers.setdefault("Cache-Control", "no-cache, private")
            await send(message)

        given = Headers(scope=scope)
        refusal = self._guard.refusal(given.getlist("host"), given.getlist("origin"))
        if refusal is None:
            await self._app(scope, receive, answer)
            return
        response = problem_response(Problem(403, refusal))
        if scope["type"] == "websocket":
            await WebSocket(scope, receive, answer).send_denial_response(response)
        else:
            await response(Request(scope).scope, receive, answer)
