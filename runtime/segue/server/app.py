"""The application: from the table of routes, one ASGI app that admits, checks, calls, and answers in one voice."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, WebSocketRoute
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from segue.server.doorway import Doorway
from segue.server.etags import is_known
from segue.server.idempotency import Answers
from segue.server.problems import Problem, known, problem_response, unforeseen
from segue.server.queries import body_of, query_of
from segue.server.routes import TABLE
from segue.server.routing import WEBSOCKET, Call, Route
from segue.server.wiring import Wiring

__all__ = ("create_app",)


def create_app(wiring: Wiring, table: Sequence[Route] = TABLE) -> Starlette:
    """Return the ASGI app that answers by this table, with these parts; they must outlive it."""
    by_path: dict[str, dict[str, Route]] = {}
    for route in table:
        by_path.setdefault(route.path, {})[route.method] = route
    answers = Answers(wiring.clock, wiring.loaded.settings.database)
    routes: list[BaseRoute] = []
    # Whole paths before those with a part that may be anything.
    for path, methods in sorted(by_path.items(), key=lambda item: "{" in item[0]):
        taken = [method for method in methods if method != WEBSOCKET]
        if taken:
            routes.append(HttpRoute(path, _Endpoint(wiring, methods, answers).http, methods=taken))
        if WEBSOCKET in methods:
            routes.append(WebSocketRoute(path, _Endpoint(wiring, methods, answers).websocket))
    if wiring.page is not None:
        routes.append(Mount("/", app=_unless_api(wiring.page)))
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Doorway, guard=wiring.guard)],
        exception_handlers={HTTPException: _http_problem},
    )
    app.state.table = tuple(table)
    return app


class _Endpoint:
    """All that is done at one path."""

    def __init__(self, wiring: Wiring, methods: Mapping[str, Route], answers: Answers) -> None:
        self._wiring = wiring
        self._methods = methods
        self._answers = answers

    async def http(self, request: Request) -> Response:
        """Answer a request."""
        route = self._methods["GET" if request.method == "HEAD" else request.method]
        try:
            return await self._answered(request, route)
        except Exception as error:
            return problem_response(known(error) or unforeseen(request, error))

    async def websocket(self, websocket: WebSocket) -> None:
        """Let the route's handler have a websocket, if its caller may come in."""
        route = self._methods[WEBSOCKET]
        try:
            caller = await self._wiring.access.admit(websocket, route.scope)
            query = query_of(websocket.query_params, route.query)
        except Problem as problem:
            await websocket.send_denial_response(problem_response(problem))
            return
        await route.handler(Call(wiring=self._wiring, connection=websocket, caller=caller, query=query, body=None))

    async def _answered(self, request: Request, route: Route) -> Response:
        # Who may not come in does not learn what would be wrong with the request.
        caller = await self._wiring.access.admit(request, route.scope)
        query = query_of(request.query_params, route.query)
        body = await _body(request, route)
        call: Call[Any, Any] = Call(wiring=self._wiring, connection=request, caller=caller, query=query, body=body)
        if request.method == "POST":
            return await self._answers.once(request, caller, lambda: _made(route, call), filed=route.filed)
        return await _made(route, call)


async def _body(request: Request, route: Route) -> Any:
    if route.reader is not None:
        return await route.reader(request)
    return None if route.body is None else await body_of(request, route.body)


async def _made(route: Route, call: Call[Any, Any]) -> Response:
    """Call the route's handler, unless the client has its answer already."""
    # Asked for before the answer is made: it may be older than the answer, and then costs a request; never newer.
    tag = None if route.tag is None else await route.tag(call)
    if tag is not None and is_known(call.request, tag):
        return Response(status_code=304, headers={"ETag": tag})
    answer = await route.handler(call)
    if isinstance(answer, Response):
        return answer
    headers = {} if tag is None else {"ETag": tag}
    if answer is None:
        return Response(status_code=204, headers=headers)
    return Response(msgspec.json.encode(answer), route.status, headers, "application/json")


async def _http_problem(_: Request, error: Exception) -> Response:
    """Say what starlette says of paths and methods as all other problems are said."""
    assert isinstance(error, HTTPException)
    said = {
        404: "Nothing is served at this path; /api/openapi.json lists what is.",
        405: "This path does not take that method; the header Allow lists which it takes.",
    }.get(error.status_code, error.detail)
    return problem_response(Problem(error.status_code, said, headers=error.headers))


def _unless_api(page: ASGIApp) -> ASGIApp:
    """Keep the page from answering what a program has misspelt."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/api/") or scope["path"] == "/api":
            raise HTTPException(404)
        await page(scope, receive, send)

    return app
