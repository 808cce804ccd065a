"""One client's connection, whatever carries it: hello, replay, live events, publishing, bye.

A shell (stream/server.py on websockets, or an ASGI route) hands it a Channel, and closes the connection as the Bye
that `run` returns says.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import anyio
import msgspec

from segue_events.bus import Bus
from segue_events.errors import BusClosed, CursorError, CursorReset, JournalError, PayloadError
from segue_events.event import Event
from segue_events.journal import Cursor
from segue_events.stream import wire
from segue_events.stream.failures import WireError
from segue_events.stream.frames import Frame, FrameCache
from segue_events.stream.limits import Limits
from segue_events.stream.wire import CloseCode
from segue_events.subscription import Subscription

__all__ = ("Channel", "Disconnected", "Session")


Talk: TypeAlias = Callable[[], Awaitable[wire.Bye | None]]
Screen: TypeAlias = Callable[[Sequence[Event]], None]
Pace: TypeAlias = Callable[[], Awaitable[None]]

_CLOSED = "The journal was closed; connect again."


class Disconnected(Exception):
    """Raised by a channel once the client is gone."""


class Channel(Protocol):
    """What carries the messages of one connection; each method raises Disconnected once the client is gone."""

    async def receive(self) -> bytes:
        """Wait for the next message."""
        ...

    async def send(self, frame: bytes) -> None:
        """Hand a message to the network; waits while too much is unsent. Two tasks may send at a time."""
        ...

    def admit(self) -> None:
        """Take larger messages from now on: the client has shown its token."""
        ...


class Session:
    """The server's side of one connection; `frames` is shared by all sessions of a server.

    `screen` is handed each batch before it is published, and raises WireError for what this client may not publish.
    `pace` is awaited before each frame of events: what is committed meanwhile goes into the same frame.
    """

    def __init__(
        self,
        bus: Bus,
        channel: Channel,
        frames: FrameCache,
        limits: Limits,
        screen: Screen | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._bus = bus
        self._channel = channel
        self._frames = frames
        self._limits = limits
        self._screen = screen
        self._pace = pace
        self._cursor: Cursor | None = None

    @property
    def cursor(self) -> str:
        """The cursor to resume from as text: after the last event handed to the network; "" without a subscription."""
        return "" if self._cursor is None else str(self._cursor)

    async def run(self, token: str | None) -> wire.Bye | None:
        """Serve the client until it leaves or has to; `token` is the only one admitted, None admits everybody.

        Returns the last message for the client, to be sent before closing with its code; None when it is gone.
        """
        return await self._outcome(lambda: self._talk(wire.ServerSide(token, self._limits.hello_bytes)))

    async def _outcome(self, talk: Talk) -> wire.Bye | None:
        """Have a part of the conversation, and say how it ends."""
        try:
            return await talk()
        except Disconnected:
            return None
        except WireError as error:
            return self._farewell(error.code, error)
        except PayloadError as error:
            return self._farewell(CloseCode.MALFORMED, error)
        except JournalError as error:
            return self._farewell(CloseCode.JOURNAL_FAILING, error)
        except BusClosed:
            return self._farewell(CloseCode.RESTARTING, _CLOSED)

    async def _talk(self, side: wire.ServerSide) -> wire.Bye | None:
        hello = side.greet(await self._first_frame())
        self._channel.admit()
        if hello.after is None:
            await self._welcome(self._bus.position)
            return await self._take(side)
        try:
            async with self._bus.subscribe(hello.filter, after=await self._start(hello.after)) as subscription:
                self._cursor = start = subscription.cursor
                await self._welcome(start)
                return await self._both(lambda: self._take(side), lambda: self._give(subscription, start))
        except (CursorReset, CursorError) as error:
            return await self._reset(error)

    async def _first_frame(self) -> bytes:
        with anyio.move_on_after(self._limits.hello_seconds):
            return await self._channel.receive()
        raise WireError(f"No hello came within {self._limits.hello_seconds:g} s.")

    async def _start(self, after: str) -> Cursor | None:
        """The cursor a hello asks for; None means from now on."""
        if after == "now":
            return None
        return await self._oldest(await self._head()) if after == "start" else Cursor.parse(after)

    async def _head(self) -> Cursor:
        # A bus without subscribers does not look for what other processes have committed.
        async with self._bus.subscribe() as subscription:
            return subscription.cursor

    async def _oldest(self, head: Cursor) -> Cursor:
        """The earliest cursor that can be followed: 0, unless retention has deleted events; then it is searched for."""
        lowest, highest = 0, head.seq
        tried = 0
        while lowest < highest:
            if await self._can_follow(msgspec.structs.replace(head, seq=tried)):
                highest = tried
            else:
                lowest = tried + 1
            tried = (lowest + highest) // 2
        return msgspec.structs.replace(head, seq=lowest)

    async def _can_follow(self, cursor: Cursor) -> bool:
        try:
            async with self._bus.subscribe(after=cursor):
                return True
        except CursorReset:
            return False

    async def _welcome(self, cursor: Cursor) -> None:
        welcome = wire.Welcome(str(cursor), str(self._bus.position), self._limits.max_frame)
        await self._send(wire.encode(welcome))

    async def _reset(self, error: Exception) -> wire.Bye:
        head = await self._head()
        oldest = str(await self._oldest(head))
        await self._send(wire.encode(wire.Reset(str(error), oldest, str(head))))
        return wire.Bye(CloseCode.RESET, str(error), oldest)

    async def _both(self, *parts: Talk) -> wire.Bye | None:
        """Run parts of the conversation side by side until the first of them ends, and say how it did."""
        ends: list[wire.Bye | None] = []
        async with anyio.create_task_group() as group:

            async def until_its_end(part: Talk) -> None:
                ends.append(await self._outcome(part))
                group.cancel_scope.cancel()

            for part in parts:
                group.start_soon(until_its_end, part)
        return ends[0]

    async def _take(self, side: wire.ServerSide) -> wire.Bye | None:
        """Commit what the client publishes, batch by batch, and acknowledge each."""
        while True:
            batch = side.receive(await self._channel.receive())
            events = batch.events()
            if self._screen is not None:
                self._screen(events)
            self._bus.publish_many(events)
            head = await asyncio.wrap_future(self._bus.flush())
            await self._send(wire.encode(wire.Ack(batch.number, head)))

    async def _give(self, subscription: Subscription, start: Cursor) -> wire.Bye | None:
        """Send what the subscription brings, in frames, for as long as the client reads them."""
        seq = start.seq
        try:
            while True:
                for frame in await self._next_frames(subscription, seq):
                    await self._send(frame.data)
                    seq = frame.through
                    self._cursor = msgspec.structs.replace(start, seq=seq)
        except CursorReset as error:
            return await self._reset(error)
        except StopAsyncIteration:
            return self._farewell(CloseCode.RESTARTING, _CLOSED)

    async def _next_frames(self, subscription: Subscription, sent: int) -> list[Frame]:
        batch: list[Event] = []
        with anyio.move_on_after(self._limits.mark_seconds):
            batch = await anext(subscription)
        if batch and self._pace is not None:
            await self._pace()
            batch = [*batch, *subscription.waiting()]
        if batch:
            return self._frames.frames(subscription.filter, batch)
        # Nothing wanted came for long. The client learns how far it has come, lest retention overtake its cursor.
        reached = subscription.cursor.seq
        return [Frame(wire.encode(wire.Events(reached, [])), reached)] if reached > sent else []

    async def _send(self, frame: bytes) -> None:
        with anyio.move_on_after(self._limits.stall_seconds) as waiting:
            await self._channel.send(frame)
        if waiting.cancelled_caught:
            raise WireError(
                f"What was sent before was not read within {self._limits.stall_seconds:g} s; read faster, or less.",
                CloseCode.TOO_SLOW,
            )

    def _farewell(self, code: int, reason: object) -> wire.Bye:
        return wire.Bye(code, str(reason), self.cursor)
