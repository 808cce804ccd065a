"""Lines to a server that speak the stream's protocol: by websocket, or, where none comes through, by HTTP requests."""

import asyncio
from contextlib import suppress
from typing import TypeAlias, TypeVar

import msgspec

from segue.api.engine import EventIn
from segue.api.types import EventBatch, instant_text, microseconds_in
from segue.client import asks
from segue.client.asks import Ask
from segue.client.exchange import Address, answer_of, request_of
from segue.client.failures import ApiError, RequestRefused, ServerAway
from segue.client.transport import AsyncTransport
from segue_events import Clock, Cursor, CursorReset, Event, Filter
from segue_events.stream import Reader, StreamRefused, wire
from segue_events.stream.dialing import Line, Lost, dial

__all__ = ("AnyReader", "HttpLine", "Switch")

T = TypeVar("T")

_Message: TypeAlias = wire.Welcome | wire.Events | wire.Reset | wire.Ack

# How long a poll waits at the server for the first event, in seconds.
_WAIT = 25.0
_MAX_FRAME = 1024 * 1024
# These say who may not come in, and another way in does not change that.
_FINAL_STATUSES = ("status 401", "status 403")


class Switch:
    """Dials by websocket; by HTTP where something between the two lets no websocket through."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._failed = False

    async def dial(self, url: str, side: wire.ClientSide) -> Line:
        """Connect and say hello."""
        answers = self._failed and await self._answers()
        try:
            line = await dial(url, side)
        except Lost:
            self._failed = True
            if not answers:
                raise
            # Something swallows websockets, for the server is there.
            return HttpLine(self._address, side)
        except RuntimeError as error:  # the program ends, and no thread looks up names any more
            raise Lost(str(error)) from error
        except StreamRefused as refusal:
            if any(status in refusal.reason for status in _FINAL_STATUSES):
                raise
            return HttpLine(self._address, side)
        self._failed = False
        return line

    async def _answers(self) -> bool:
        """Whether the server answers HTTP."""
        ask = asks.version()
        try:
            async with AsyncTransport(self._address.url) as transport:
                answer_of(ask, self._address, await transport.send(request_of(ask, self._address)))
        except ApiError as error:
            return isinstance(error, RequestRefused)
        return True


class AnyReader(Reader):
    """A Reader of a server's stream that gets through wherever HTTP does."""

    def __init__(
        self, address: Address, *, filter: Filter | None = None, after: str = "now", clock: Clock | None = None
    ) -> None:
        super().__init__(address.stream, filter=filter, after=after, token=address.key, clock=clock)
        self._switch = Switch(address)

    async def dial(self, url: str, side: wire.ClientSide) -> Line:
        """See Reader."""
        return await self._switch.dial(url, side)


class HttpLine:
    """A Line made of requests: what is subscribed to is long-polled, what is published is posted."""

    def __init__(self, address: Address, side: wire.ClientSide) -> None:
        self.side = side
        self._address = address
        self._filter = side.hello.filter or Filter()
        self._transport = AsyncTransport(address.url)
        self._answers: asyncio.Queue[wire.Ack | Exception] = asyncio.Queue()
        self._poll: asyncio.Task[_Message] | None = None

    async def receive(self) -> _Message:
        """See Line."""
        if not self.side.welcomed:
            message = await self._welcome()
        elif self.side.hello.after is None:
            message = await self._answered()
        else:
            message = await self._polled()
        # The side checks the order of things and keeps the cursor, whatever carries them.
        self.side.receive(wire.encode(message))
        return message

    async def send(self, frame: bytes) -> None:
        """See Line."""
        batch = wire.decode_client(frame)
        if not isinstance(batch, wire.Publish):
            return
        try:
            answer = await self._ask(asks.publish([_event_in(event) for event in batch.events()]))
        except Exception as error:
            # On a connection, who receives would meet the end too.
            self._answers.put_nowait(error)
            raise
        self._answers.put_nowait(wire.Ack(batch.number, answer.head))

    async def close(self) -> None:
        """See Line."""
        if self._poll is not None:
            self._poll.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await self._poll
        await self._transport.__aexit__(None, None, None)

    async def _answered(self) -> wire.Ack:
        answer = await self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _welcome(self) -> _Message:
        after = self.side.hello.after
        if after == "start":
            place = await self._oldest()
        elif after is None or after == "now":
            place = (await self._ask(asks.poll("now", 0))).cursor
        else:
            # Whether it can be followed shows with the first poll.
            place = after
        return wire.Welcome(place, place, _MAX_FRAME)

    async def _oldest(self) -> str:
        """The cursor before the oldest event that is wanted, or after all where none is."""
        batch = await self._ask(self._polling("start", 0))
        if not batch.events:
            return batch.cursor
        return str(msgspec.structs.replace(Cursor.parse(batch.cursor), seq=batch.events[0].seq - 1))

    async def _polled(self) -> _Message:
        # A poll outlives a `receive` that is cancelled: what it brings is handed out by the next one.
        if self._poll is None:
            self._poll = asyncio.create_task(self._next())
        await asyncio.wait([self._poll])
        poll, self._poll = self._poll, None
        return poll.result()

    async def _next(self) -> _Message:
        try:
            batch = await self._ask(self._polling(str(self.side.cursor), _WAIT))
        except CursorReset as error:
            head = await self._ask(asks.poll("now", 0))
            return wire.Reset(error.reason, await self._oldest(), head.cursor)
        return _events(batch)

    def _polling(self, after: str, wait: float) -> Ask[EventBatch]:
        filter = self._filter
        ask = asks.poll(after, wait, filter.kinds, filter.runs, filter.subjects)
        bounds = {"since": filter.since, "until": filter.until}
        ask.query.update({name: instant_text(at) for name, at in bounds.items() if at is not None})
        return ask

    async def _ask(self, ask: Ask[T]) -> T:
        try:
            return answer_of(ask, self._address, await self._transport.send(request_of(ask, self._address)))
        except ServerAway as error:
            raise Lost(error.reason) from error
        except RequestRefused as error:
            if error.status == 410:
                raise CursorReset(error.problem.detail) from error
            raise StreamRefused(self._address.url, error.problem.detail) from error


def _event_in(event: Event) -> EventIn:
    return EventIn(
        kind=event.kind,
        payload=event.payload,
        run=event.run,
        subject=event.subject,
        occurred=instant_text(event.occurred),
        id=event.id,
    )


def _events(batch: EventBatch) -> wire.Events:
    rows: list[wire.Row] = [
        (one.seq, one.id, microseconds_in(one.occurred), one.kind, one.run, one.subject, one.payload)
        for one in batch.events
    ]
    return wire.Events(Cursor.parse(batch.cursor).seq, rows)
