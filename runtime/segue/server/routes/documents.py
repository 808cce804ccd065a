"""Routes about the server itself: its version, and whether it lives."""

from typing import Any

from segue.api.types import API_VERSION, Health, VersionBody
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


ROUTES = (
    Route("GET", "/health", None, health, "Whether the server lives", Health),
    Route("GET", "/ready", None, ready, "Whether the server can do its work", Health),
    Route("GET", "/api/health", None, health, "Whether the server lives", Health),
    Route("GET", "/api/ready", None, ready, "Whether the server can do its work", Health),
    Route("GET", "/api/version", None, version, "Which versions answer", VersionBody),
)
