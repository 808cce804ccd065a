"""Serving: uvicorn as this server uses it: told to start and stop, and what goes around the app."""

import asyncio
import gc
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from socket import socket

import anyio
import uvicorn
from starlette.types import ASGIApp

from segue.server.app import create_app
from segue.server.departures import Departures
from segue.server.limits import Limits
from segue.server.metrics import Measured
from segue.server.patience import protocol_of
from segue.server.routes import TABLE
from segue.server.wiring import Wiring

__all__ = ("Serving", "config_of", "guarded")

# Seconds that a connection waits for its next request.
_KEEP_ALIVE = 30
# Seconds between two looks at the clock for the header Date.
_TICK = 1.0
_STRANGERS = frozenset(route.path for route in TABLE if route.scope is None)


class Serving(uvicorn.Server):
    """uvicorn's server; `started` and `stopping` are called once it answers, and before it lets its clients go."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started
        self._tell_stopping = stopping
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Stop once what is under way is done; when asked again, without waiting for that."""
        self.force_exit, self.should_exit = self.should_exit, True
        self._stopped.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to whoever has started this."""
        yield

    async def startup(self, sockets: Sequence[socket] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Listen, and say so."""
        await super().startup(None if sockets is None else list(sockets))
        _collect_less()
        self._tell_started()

    async def main_loop(self) -> None:
        """Wait for the end. uvicorn's own loop looks for it ten times a second, most of an idle server's work."""
        while not self.should_exit:
            await self.on_tick(0)
            with anyio.move_on_after(_TICK):
                await self._stopped.wait()

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End the streams, which would never end by themselves, and then wait for all else."""
        self._tell_stopping()
        await super().shutdown(sockets)


def _collect_less() -> None:
    """Let the garbage collector leave alone what stays for ever, and look less often through large requests.

    They are JSON, which has no cycles; at its usual pace it takes several times as long as reading them does.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def guarded(wiring: Wiring) -> tuple[ASGIApp, Departures]:
    """Return the server's app with all that goes around it, of which Departures is a service too."""
    app = create_app(wiring)
    bounded = Limits(app, wiring.loaded.settings.server_max_body_bytes, wiring.clock, _STRANGERS)
    departures = Departures(bounded, wiring.authentication)
    return Measured(departures, wiring.meters, wiring.clock), departures


def config_of(app: ASGIApp, wiring: Wiring, most: int) -> uvicorn.Config:
    """Return how uvicorn serves an app; `most` connections at a time."""
    return uvicorn.Config(
        app,
        http=protocol_of(most),
        ws="websockets-sansio",
        ws_max_size=wiring.streams.limits.max_frame,
        # It costs more time than it saves where frames are small, and a small message may become a huge one.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # Anybody on this machine could claim to call from anywhere.
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, round(wiring.loaded.settings.server_grace_seconds)),
    )
