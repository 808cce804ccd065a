"""A websocket of the ASGI server as the channel of a stream's session."""

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from segue.server.access import Caller
from segue.server.streams.ingest import screen_of
from segue.server.streams.streams import Streams
from segue_events.stream import WireError, wire
from segue_events.stream.session import Disconnected, Session

__all__ = ("AsgiChannel", "converse")

# A close frame's reason is at most 123 bytes long; a cursor's text is shorter.
_REASON_BYTES = 123
_TOO_LARGE = 1009


class AsgiChannel:
    """A session's Channel; a message of more than `max_frame` bytes ends it."""

    def __init__(self, websocket: WebSocket, max_frame: int) -> None:
        self._websocket = websocket
        self._max_frame = max_frame

    async def receive(self) -> bytes:
        """Wait for the next message."""
        try:
            message = await self._websocket.receive()
        except RuntimeError as error:  # it is closed already
            raise Disconnected from error
        if message["type"] != "websocket.receive":
            raise Disconnected
        frame: bytes = message.get("bytes") or (message.get("text") or "").encode()
        if len(frame) > self._max_frame:
            raise WireError(f"A message has {len(frame):,} bytes; at most {self._max_frame:,} are read.", _TOO_LARGE)
        return frame

    async def send(self, frame: bytes) -> None:
        """Hand a message to the server, which makes this wait while too much is unsent."""
        try:
            await self._websocket.send({"type": "websocket.send", "text": frame.decode()})
        except (WebSocketDisconnect, RuntimeError) as error:
            # uvicorn says RuntimeError between the end of a client that answers no ping and its disconnection.
            raise Disconnected from error

    def admit(self) -> None:
        """Do nothing: who may come in was decided before the websocket was accepted."""


async def converse(websocket: WebSocket, caller: Caller, streams: Streams, scope: anyio.CancelScope) -> None:
    """Have a stream's conversation with a client from its hello to the bye; cancelling the scope says goodbye."""
    await websocket.accept()
    channel = AsgiChannel(websocket, streams.limits.max_frame)
    screen = screen_of(streams.bus, caller)
    session = Session(streams.bus, channel, streams.frames, streams.limits, screen, streams.pace)
    bye = None
    with scope:
        bye = await session.run(None)
    if scope.cancelled_caught:
        bye = wire.Bye(wire.CloseCode.RESTARTING, "The server stops; connect again.", session.cursor)
    # A client that does not read would keep both calls waiting for ever.
    with anyio.move_on_after(streams.limits.closing_seconds):
        if bye is not None:
            await _say(channel, websocket, bye)


async def _say(channel: AsgiChannel, websocket: WebSocket, bye: wire.Bye) -> None:
    reason = (bye.cursor or bye.reason).encode()[:_REASON_BYTES].decode(errors="ignore")
    try:
        await channel.send(wire.encode(bye))
        await websocket.close(bye.code, reason)
    except (Disconnected, WebSocketDisconnect, RuntimeError):
        return
