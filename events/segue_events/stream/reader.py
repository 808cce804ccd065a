"""Reading a stream: batches of events in order, across lost connections and restarts of the server."""

import random
from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Literal, Self, TypeAlias

from segue_events import backoff
from segue_events.clock import Clock, SystemClock
from segue_events.errors import CursorReset, EventsError
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.journal import Cursor
from segue_events.stream import wire
from segue_events.stream.dialing import Line, Lost, dial

__all__ = ("OnReset", "Place", "Reader", "read")

# Where to start: a cursor or its text, the journal's beginning, or what comes from now on.
Place: TypeAlias = Cursor | str
OnReset: TypeAlias = Literal["raise", "start", "now"]


async def read(
    url: str,
    *,
    filter: Filter | None = None,
    after: Place = "now",
    token: str | None = None,
    on_reset: OnReset = "raise",
    clock: Clock | None = None,
) -> AsyncIterator[list[Event]]:
    """Yield the batches of a stream for as long as they are asked for; arguments and errors are those of Reader."""
    async with Reader(url, filter=filter, after=after, token=token, on_reset=on_reset, clock=clock) as reader:
        async for batch in reader:
            yield batch


class Reader:
    """An asynchronous iterator over the batches of a stream; closed as a context manager.

    Each event comes once, in order of its seq, without gaps; a lost connection is dialled again with growing delays
    and resumed after the last event handed out.

    `after` is a Cursor, its text, "start" or "now". When the server cannot follow the cursor, `on_reset` "raise"
    raises CursorReset with the reason; "start" goes on with the oldest event kept, "now" with the next one.
    Raises StreamRefused for a wrong token or anything else a new attempt would not change, WireError when the server
    does not follow the protocol; an error ends the iteration.
    """

    def __init__(
        self,
        url: str,
        *,
        filter: Filter | None = None,
        after: Place = "now",
        token: str | None = None,
        on_reset: OnReset = "raise",
        clock: Clock | None = None,
    ) -> None:
        self._url = url
        self._filter = filter
        self._place = str(after)
        self._token = token or ""
        self._on_reset = on_reset
        self._clock = clock or SystemClock()
        self._delays = _delays()
        self._line: Line | None = None
        self._closed = False
        self.connections = 0

    @property
    def cursor(self) -> Cursor | None:
        """The cursor after the last event handed out; None before the first welcome of "now" or "start"."""
        return None if self._place in ("now", "start") else Cursor.parse(self._place)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def dial(self, url: str, side: wire.ClientSide) -> Line:
        """Connect and say hello; to be overridden by who connects in another way."""
        return await dial(url, side)

    async def aclose(self) -> None:
        """Hang up; the iteration ends."""
        self._closed = True
        await self._hang_up()

    async def connect(self) -> None:
        """Wait until the server has welcomed this reader: from then on no event is missed. Raises as iterating does."""
        try:
            while not (self._closed or (self._line is not None and self._line.side.welcomed)):
                await self._step()
        except EventsError:
            await self.aclose()
            raise

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Event]:
        try:
            while not self._closed:
                batch = await self._step()
                if batch is not None:
                    return batch
        except EventsError:
            await self.aclose()
            raise
        raise StopAsyncIteration

    async def _step(self) -> list[Event] | None:
        """Take one message, or one attempt to get one; events, when it brought any."""
        try:
            message = await (await self._connected()).receive()
        except Lost:
            await self._pause()
            return None
        match message:
            case wire.Welcome(cursor=cursor):
                self._place = cursor
                self._delays = _delays()
            case wire.Events():
                self._advance()
                return message.events() or None
            case wire.Reset():
                self._reset(message)
                await self._pause()
            case wire.Ack():
                pass  # answers to a publish, which this connection never sends
        return None

    async def _connected(self) -> Line:
        if self._line is None:
            hello = wire.Hello(token=self._token, filter=self._filter, after=self._place)
            self._line = await self.dial(self._url, wire.ClientSide(hello))
            self.connections += 1
        return self._line

    def _advance(self) -> None:
        if self._line is not None:
            self._place = str(self._line.side.cursor)

    def _reset(self, reset: wire.Reset) -> None:
        if self._on_reset == "raise":
            raise CursorReset(reset.reason)
        self._place = reset.oldest if self._on_reset == "start" else reset.head

    async def _pause(self) -> None:
        await self._hang_up()
        if not self._closed:
            await self._clock.sleep(next(self._delays))

    async def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            await line.close()


def _delays() -> Iterator[float]:
    """Seconds before each attempt to connect again."""
    return backoff.exponential(0.1, 2.0, 10.0, 0.2, random.random)
