"""A client's connection to a stream: dialled, greeted, its errors sorted into those worth another try and the rest."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI

from segue_events.stream import wire
from segue_events.stream.failures import StreamRefused
from segue_events.stream.guard import is_loopback
from segue_events.stream.quiet import LOGGER

__all__ = ("Dial", "Line", "Lost", "dial")

# Nobody but the server sends to a client, and one event may be larger than the frames a server cuts.
_MAX_FRAME = 64 * 1024 * 1024
_OPEN_SECONDS = 5.0
_CLOSE_SECONDS = 1.0

# Closed with these, another attempt would end as this one: malformed, a wrong token, a message larger than is read.
_FINAL_CODES = frozenset({wire.CloseCode.MALFORMED, wire.CloseCode.UNAUTHORIZED, 1009})
_TRANSIENT_STATUSES = frozenset({408, 425, 429})


class Lost(Exception):
    """The connection failed in a way that may pass; the text says how."""


class Line(Protocol):
    """One open connection; `side` keeps its cursor."""

    side: wire.ClientSide

    async def receive(self) -> wire.Welcome | wire.Events | wire.Reset | wire.Ack:
        """Wait for the next message.

        Cancelling loses nothing. Raises Lost when dialling again may help, StreamRefused when not, WireError when the
        server does not follow the protocol.
        """
        ...

    async def send(self, frame: bytes) -> None:
        """Send one message; raises as `receive` does."""
        ...

    async def close(self) -> None:
        """Hang up; takes at most a second, also when the server does not answer or does not read."""
        ...


Dial: TypeAlias = Callable[[str, wire.ClientSide], Awaitable[Line]]
"""Connects to a URL and says hello; raises as `Line.receive` does."""


class _WebSocketLine:
    """A Line on the websockets library."""

    def __init__(self, url: str, connection: ClientConnection, side: wire.ClientSide) -> None:
        self._url = url
        self._connection = connection
        self.side = side

    async def receive(self) -> wire.Welcome | wire.Events | wire.Reset | wire.Ack:
        """See Line."""
        try:
            frame = await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise self._ended(_closed_with(error), str(error)) from error
        message = self.side.receive(frame)
        if isinstance(message, wire.Bye):
            raise self._ended(message.code, message.reason)
        return message

    async def send(self, frame: bytes) -> None:
        """See Line."""
        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed as error:
            raise self._ended(_closed_with(error), str(error)) from error

    async def close(self) -> None:
        """See Line."""
        with anyio.move_on_after(_CLOSE_SECONDS, shield=True):
            await self._connection.close()
        self._connection.transport.abort()

    def _ended(self, code: int, reason: str) -> Lost | StreamRefused:
        if code in _FINAL_CODES:
            return StreamRefused(self._url, reason)
        return Lost(reason)


async def dial(url: str, side: wire.ClientSide) -> Line:
    """Connect by websocket and say hello; raises as `Line.receive` does.

    The hello's token is shown in the request too, for servers that let nobody in before they know who it is.
    """
    # A proxy of the environment cannot reach this machine's own addresses.
    proxy = None if is_loopback(urlsplit(url).hostname or "") else True
    try:
        connection = await connect(
            url,
            proxy=proxy,
            compression=None,
            user_agent_header=None,
            additional_headers={"Authorization": f"Bearer {side.token}"} if side.token else None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            max_size=_MAX_FRAME,
            logger=LOGGER,
        )
    except InvalidStatus as error:
        raise _refused_by_status(url, error) from error
    except InvalidMessage as error:
        raise Lost(f"{url} did not answer as a websocket server: {error}") from error
    except (InvalidURI, InvalidHandshake) as error:
        raise StreamRefused(url, f"{error}.") from error
    except OSError as error:  # TimeoutError is one of them
        raise Lost(f"{url} cannot be reached: {error}") from error
    line = _WebSocketLine(url, connection, side)
    try:
        await line.send(side.greet())
    except BaseException:  # a cancellation too would leave the connection to nobody
        connection.transport.abort()
        raise
    return line


def _refused_by_status(url: str, error: InvalidStatus) -> Lost | StreamRefused:
    status = error.response.status_code
    if status >= 500 or status in _TRANSIENT_STATUSES:
        return Lost(f"{url} answered with status {status}")
    said = bytes(error.response.body or b"").decode(errors="replace").strip()
    return StreamRefused(url, f"it answered with status {status}. {said}".rstrip())


def _closed_with(error: ConnectionClosed) -> int:
    """The code of the side that closed; 1006 when neither did."""
    close = error.rcvd or error.sent
    return close.code if close is not None else 1006
