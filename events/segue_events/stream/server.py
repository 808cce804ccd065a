"""A stream of one bus on a port of its own: the websockets shell around sessions."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypedDict, Unpack

import anyio
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from segue_events.bus import Bus
from segue_events.stream import wire
from segue_events.stream.failures import NotExposed
from segue_events.stream.frames import FrameCache
from segue_events.stream.guard import Guard, is_loopback
from segue_events.stream.limits import Limits
from segue_events.stream.quiet import LOGGER
from segue_events.stream.session import Disconnected, Session

__all__ = ("Options", "StreamServer", "serve")

# Addresses that stand for all of a machine's, and where such a server is found on the machine itself.
_WILDCARDS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}

# A close frame's reason is at most 123 bytes long; a cursor's text is shorter.
_REASON_BYTES = 123


class Options(TypedDict, total=False):
    """How a stream is served.

    `token` is what a client has to show; `origins` are the web pages let in ("https://segue.example.org") and `hosts`
    the names the server goes by, besides those of this machine.
    """

    token: str | None
    origins: tuple[str, ...]
    hosts: tuple[str, ...]
    limits: Limits


@asynccontextmanager
async def serve(
    bus: Bus, host: str = "127.0.0.1", port: int = 0, **options: Unpack[Options]
) -> "AsyncGenerator[StreamServer]":
    """Serve a bus to readers and writers until the context is left; then each client is told where to resume.

    `port` 0 takes any free one. Raises NotExposed for a host beyond this machine without a token, OSError when the
    port is taken.
    """
    token = options.get("token") or None
    if token is None and not is_loopback(host):
        raise NotExposed(host)
    own = () if host in _WILDCARDS else (host,)
    guard = Guard(hosts=(*options.get("hosts", ()), *own), origins=options.get("origins", ()))
    server = StreamServer(bus, token, guard, options.get("limits", Limits()))
    async with server.listening(host, port):
        yield server


class StreamServer:
    """A stream that is being served: `url` is where."""

    def __init__(self, bus: Bus, token: str | None, guard: Guard, limits: Limits) -> None:
        self.host = ""
        self.port = 0
        self._bus = bus
        self._token = token
        self._guard = guard
        self._limits = limits
        self._frames = FrameCache(limits.max_frame)
        self._sessions: dict[anyio.CancelScope, Session] = {}
        self._changed = anyio.Event()
        self._stopping = False

    @property
    def url(self) -> str:
        """Where readers and writers on this machine find the stream."""
        host = _WILDCARDS.get(self.host, self.host)
        return f"ws://[{host}]:{self.port}/" if ":" in host else f"ws://{host}:{self.port}/"

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._sessions)

    async def wait_clients(self, count: int) -> None:
        """Wait until exactly this many are connected."""
        while len(self._sessions) != count:
            await self._changed.wait()

    @asynccontextmanager
    async def listening(self, host: str, port: int) -> AsyncGenerator[None]:
        """Listen while the context lasts."""
        server = await self._listen(host, port)
        self.host, self.port = server.sockets[0].getsockname()[:2]
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                self._stopping = True
                server.close(close_connections=False)
                for scope in list(self._sessions):
                    scope.cancel()
                await server.wait_closed()

    def _listen(self, host: str, port: int) -> Server:
        return listen(
            self._handle,
            host,
            port,
            process_request=self._screen,
            compression=None,
            server_header=None,
            open_timeout=self._limits.hello_seconds,
            close_timeout=self._limits.closing_seconds,
            # A stranger gets no more memory than a hello needs; `admit` raises that.
            max_size=self._limits.hello_bytes,
            max_queue=4,
            write_limit=self._limits.unsent_bytes,
            logger=LOGGER,
        )

    def _screen(self, connection: ServerConnection, request: Request) -> Response | None:
        """Refuse a request before it becomes a websocket."""
        headers = request.headers
        refusal = self._guard.refusal(headers.get_all("Host"), headers.get_all("Origin"))
        if refusal is not None:
            return connection.respond(HTTPStatus.FORBIDDEN, refusal + "\n")
        if self.clients >= self._limits.clients:
            return connection.respond(
                HTTPStatus.SERVICE_UNAVAILABLE, f"{self.clients} clients are connected already.\n"
            )
        return None

    async def _handle(self, connection: ServerConnection) -> None:
        session = Session(self._bus, WebSocketChannel(connection, self._limits.max_frame), self._frames, self._limits)
        bye = None
        with anyio.CancelScope() as scope:
            self._count(scope, session)
            try:
                # A handshake may have been under way when the server began to stop.
                if self._stopping:
                    scope.cancel()
                bye = await session.run(self._token)
            finally:
                self._count(scope, None)
        if scope.cancelled_caught:
            bye = wire.Bye(wire.CloseCode.RESTARTING, "The server stops; connect again.", session.cursor)
        await self._part(connection, bye)

    def _count(self, scope: anyio.CancelScope, session: Session | None) -> None:
        if session is not None:
            self._sessions[scope] = session
        else:
            del self._sessions[scope]
        self._changed.set()
        self._changed = anyio.Event()

    async def _part(self, connection: ServerConnection, bye: wire.Bye | None) -> None:
        # A client that does not read would keep both calls waiting for ever.
        with anyio.move_on_after(self._limits.closing_seconds):
            if bye is not None:
                await _say_bye(connection, bye)
        connection.transport.abort()


class WebSocketChannel:
    """A session's Channel on the websockets library."""

    def __init__(self, connection: ServerConnection, max_frame: int) -> None:
        self._connection = connection
        self._max_frame = max_frame

    async def receive(self) -> bytes:
        """Wait for the next message."""
        try:
            return await self._connection.recv(decode=False)
        except ConnectionClosed as error:
            raise Disconnected from error

    async def send(self, frame: bytes) -> None:
        """Put a message into the connection's buffer, then wait until the buffer is below its bound."""
        try:
            await self._connection.send(frame, text=True)
        except ConnectionClosed as error:
            raise Disconnected from error

    def admit(self) -> None:
        """Take messages of the full size from the next one on."""
        self._connection.protocol.max_message_size = self._max_frame


async def _say_bye(connection: ServerConnection, bye: wire.Bye) -> None:
    try:
        await connection.send(wire.encode(bye), text=True)
    except ConnectionClosed:
        return
    reason = (bye.cursor or bye.reason).encode()[:_REASON_BYTES].decode(errors="ignore")
    await connection.close(bye.code, reason)
