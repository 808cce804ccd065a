"""Streams: the live connections of one server: what they share, how many there are, and their common end."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import anyio

from segue.server.problems import Problem
from segue_events import Bus
from segue_events.stream.frames import FrameCache
from segue_events.stream.limits import Limits

__all__ = ("Streams",)

# The largest message of a client: one event that does not fit with others; clients send the rest in smaller ones.
_MAX_MESSAGE = 16 * 1024 * 1024
# So many at a time: each engine has two, each page one.
_CLIENTS = 4_000
# What it costs to send one frame, in seconds, and the shortest wait that is worth it.
_COST = 60e-6
_LEAST = 1e-3
# What batches are cut to on their way out.
_MAX_FRAME = 1024 * 1024


class Streams:
    """The live connections to one bus; frames that several of them are sent are encoded once."""

    def __init__(self, bus: Bus, limits: Limits | None = None) -> None:
        self.bus = bus
        self.limits = limits or Limits(max_frame=_MAX_MESSAGE, clients=_CLIENTS)
        self.frames = FrameCache(_MAX_FRAME)
        self._open: set[anyio.CancelScope] = set()
        self._changed = anyio.Event()
        self._tick: asyncio.Event | None = None
        self._stopping = False

    def __len__(self) -> int:
        return len(self._open)

    async def pace(self) -> None:
        """Wait as long as it takes to send a frame to each client, all of them for the same moment.

        So a crowd is sent fewer and larger frames, and the same ones: else each commit would cost a frame for each.
        """
        seconds = len(self._open) * _COST
        if seconds < _LEAST:
            return
        if self._tick is None:
            self._tick = asyncio.Event()
            asyncio.get_running_loop().call_later(seconds, self._next)
        await self._tick.wait()

    def _next(self) -> None:
        if self._tick is not None:
            self._tick.set()
            self._tick = None

    @contextmanager
    def admitted(self) -> Generator[anyio.CancelScope]:
        """Count a connection while the `with` lasts; `stop` cancels the scope, which its holder is to enter.

        Raises Problem when there are too many, or the server stops.
        """
        if self._stopping:
            raise Problem(503, "The server stops; connect again.", headers={"Retry-After": "1"})
        if len(self._open) >= self.limits.clients:
            raise Problem(503, f"{len(self._open)} streams are open already.", headers={"Retry-After": "5"})
        scope = anyio.CancelScope()
        self._open.add(scope)
        self._tell()
        try:
            yield scope
        finally:
            self._open.remove(scope)
            self._tell()

    async def wait_open(self, count: int) -> None:
        """Wait until exactly this many are open."""
        while len(self._open) != count:
            await self._changed.wait()

    def stop(self) -> None:
        """End all connections: each client is told where to go on, and no new one is let in."""
        self._stopping = True
        for scope in self._open:
            scope.cancel()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
