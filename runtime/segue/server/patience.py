"""Patience: uvicorn's connections, which wait for the head of a request only so long, and read only so much of it.

uvicorn itself has a time limit between two requests, but none for a client that sends its first one a byte at a time.
"""

import asyncio
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Connection
else:
    # Whichever is installed; what is used here, all have.
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as Connection

__all__ = ("protocol_of",)

# Seconds, from connecting or from the first byte, in which the head of a request has to be there; and its bytes.
_SECONDS = 10.0
_BYTES = 64 * 1024


class _Patient(Connection):
    """A connection that is closed when its client takes too long to say what it wants."""

    most: ClassVar[int]
    seconds: ClassVar[float]
    _head = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """See asyncio.Protocol."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        super().data_received(data)
        if self._has_head():
            self._head = 0
            self._stop_waiting()
            return
        # What is left of a body that was answered without it has the same time, but is not kept anywhere.
        if not (self.cycle and self.cycle.more_body):
            self._head += len(data)
        if self._head > _BYTES:
            self.transport.abort()
        elif self._timer is None:
            self._await_head()

    def _has_head(self) -> bool:
        # One that became a websocket is none of uvicorn's HTTP connections any more.
        is_answering = bool(self.cycle) and not self.cycle.response_complete
        return is_answering or self not in self.connections or self.transport.is_closing()

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self.seconds, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def protocol_of(most: int, seconds: float = _SECONDS) -> type[asyncio.Protocol]:
    """Return the class of connections for `uvicorn.Config`.

    More than `most` at a time are not taken, and the head of a request is waited for so many `seconds`.
    """
    return type("Patient", (_Patient,), {"most": most, "seconds": seconds})
