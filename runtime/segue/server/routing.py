"""Routing: what a route is, and what its handler is handed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket

from segue.server.access import Caller, Scope
from segue.server.wiring import Wiring

__all__ = ("WEBSOCKET", "Call", "Nothing", "Route")

Q = TypeVar("Q")
B = TypeVar("B")

WEBSOCKET = "WEBSOCKET"
"""What stands for a method where a route takes websockets."""


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a route takes that has no parameters, or no body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Q, B]):
    """A request that may be answered: who calls, and its query and body, which fit the route's types."""

    wiring: Wiring
    connection: HTTPConnection
    caller: Caller
    query: Q
    body: B

    @property
    def request(self) -> Request:
        """The HTTP request."""
        assert isinstance(self.connection, Request)
        return self.connection

    @property
    def websocket(self) -> WebSocket:
        """The websocket, which is not accepted yet."""
        assert isinstance(self.connection, WebSocket)
        return self.connection

    def path(self, name: str) -> str:
        """Return a part of the path by its name in the route."""
        return self.connection.path_params[name]


Handler = Callable[[Call[Any, Any]], Awaitable[Any]]
Reader = Callable[[Request], Awaitable[Any]]
Tagger = Callable[[Call[Any, Any]], Awaitable[str | None]]


class Route(NamedTuple):
    """A line of the table of routes.

    `handler` returns a value of the type `answer`, or a starlette Response, which goes out as it is. `scope` is what
    the caller must be allowed to do, None if anybody may. `query` and `body` are structs; the handler is only called
    with what fits them. `tag` returns the entity tag, before the handler is called, which it is not if the client has
    that already. `media` are the media types of answers that are no JSON. `filed` is False where the answer under an
    Idempotency-Key is not written to the disk: it is secret, or doing it twice is the same as once. `reader` reads the
    body where that is not to be done at once, and the handler gets what it returns.
    """

    method: str
    path: str
    scope: Scope | None
    handler: Handler
    summary: str
    answer: Any = None
    query: type[msgspec.Struct] = Nothing
    body: Any = None
    status: int = 200
    tag: Tagger | None = None
    media: tuple[str, ...] = ()
    filed: bool = True
    reader: Reader | None = None
