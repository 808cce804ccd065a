"""Waits: requests that are answered once there is something to answer, which count as connections meanwhile."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from segue.server.streams.streams import Streams

__all__ = ("waited",)

T = TypeVar("T")


async def waited(streams: Streams, seconds: float, ask: Callable[[float], Awaitable[T]]) -> T | None:
    """Return what `ask` finds within so many seconds; None if the server ends before.

    Raises Problem when too many wait already.
    """
    if seconds <= 0:
        return await ask(0.0)
    with streams.admitted() as scope, scope:
        return await ask(seconds)
    return None
