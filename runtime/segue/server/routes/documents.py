"""Routes about the server itself: its version, whether it lives, and what can be asked of it."""

from functools import lru_cache
from typing import Any

import msgspec
from starlette.responses import Response

from segue.api.openapi import document
from segue.api.types import API_VERSION, Health, VersionBody
from segue.server.access import Scope
from segue.server.problems import Problem
from segue.server.routing import Call, Route
from segue.version import __version__

__all__ = ("ROUTES",)


async def version(_: Call[Any, Any]) -> VersionBody:
    """Tell the versions of segue and of the API."""
    return VersionBody(__version__, API_VERSION)


async def health(_: Call[Any, Any]) -> Health:
    """Tell that the server answers."""
    return Health("ok")


async def ready(call: Call[Any, Any]) -> Health:
    """Tell that the journal can be read, and that the last commit did not fail."""
    failure = call.wiring.bus.failure
    if failure is not None:
        raise Problem(503, str(failure))
    await call.wiring.store.mark()
    return Health("ok")


async def openapi(call: Call[Any, Any]) -> Response:
    """Tell all that can be asked of this server, as an OpenAPI document."""
    return Response(_document(call.connection.app.state.table), media_type="application/json")


@lru_cache(maxsize=1)
def _document(table: tuple[Route, ...]) -> bytes:
    # Made when it is first asked for: a server that nobody asks starts sooner.
    return msgspec.json.encode(document(table))


ROUTES = (
    Route("GET", "/health", None, health, "Whether the server lives", Health),
    Route("GET", "/ready", None, ready, "Whether the server can do its work", Health),
    Route("GET", "/api/health", None, health, "Whether the server lives", Health),
    Route("GET", "/api/ready", None, ready, "Whether the server can do its work", Health),
    Route("GET", "/api/version", None, version, "Which versions answer", VersionBody),
    Route("GET", "/api/openapi.json", Scope.READ, openapi, "This document", dict[str, Any]),
)
