"""Routes of the page's login: in, out, and who one is."""

from typing import Any

from starlette.responses import Response

from segue.api.admission import Login, Me
from segue.server.access import Scope
from segue.server.authentication import Authentication
from segue.server.login import csrf_of, forget, remember
from segue.server.problems import Problem
from segue.server.routing import Call, Route

__all__ = ("ROUTES",)


async def login(call: Call[Any, Login]) -> Response:
    """Begin a session, which the browser keeps as a cookie."""
    authentication = call.wiring.authentication
    if not authentication.is_required:
        raise Problem(409, "This server asks for no key, so there is nothing to log in to.")
    response = Response(status_code=204)
    remember(response, await authentication.login(call.request, call.body.key))
    return response


async def logout(call: Call[Any, Any]) -> Response:
    """End the session."""
    await call.wiring.authentication.logout(call.request)
    response = Response(status_code=204)
    forget(response)
    return response


async def me(call: Call[Any, Any]) -> Me:
    """Tell who calls, and what they may do."""
    authentication: Authentication = call.wiring.authentication
    known = authentication.known(call.request) if authentication.is_required else None
    session = None if known is None else known.session
    return Me(
        name=call.caller.name,
        scope=_scope_name(call.caller.scope),
        csrf=None if session is None else csrf_of(session),
        login=authentication.is_required,
    )


def _scope_name(scope: Scope | None) -> Any:
    return (scope or Scope.READ).name.lower()


ROUTES = (
    Route("POST", "/api/login", None, login, "Begin a session of the page", body=Login, status=204, filed=False),
    Route("POST", "/api/logout", Scope.READ, logout, "End the session of the page", status=204, filed=False),
    Route("GET", "/api/me", Scope.READ, me, "Who one is, and what one may do", Me),
)
