"""A server's session on a channel in memory, as an ASGI route would use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
from anyio.abc import ObjectReceiveStream, ObjectSendStream

from segue_events import Bus, Event, Filter
from segue_events.journal.memory import MemoryJournal
from segue_events.stream import wire
from segue_events.stream.frames import FrameCache
from segue_events.stream.limits import Limits
from segue_events.stream.session import Disconnected, Session


@dataclass
class MemoryChannel:
    """Both ends of a connection; `reads` False is a client that never reads."""

    to_server: ObjectReceiveStream[bytes]
    to_client: ObjectSendStream[bytes]
    admitted: int = 0

    async def receive(self) -> bytes:
        try:
            return await self.to_server.receive()
        except anyio.EndOfStream as error:
            raise Disconnected from error

    async def send(self, frame: bytes) -> None:
        await self.to_client.send(frame)

    def admit(self) -> None:
        self.admitted += 1


@dataclass
class Client:
    """What a test holds of a session."""

    journal: MemoryJournal
    bus: Bus
    channel: MemoryChannel
    sending: ObjectSendStream[bytes]
    receiving: ObjectReceiveStream[bytes]
    ends: list[wire.Bye | None] = field(default_factory=list)
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def say(self, message: wire.ClientMessage) -> None:
        await self.sending.send(wire.encode(message))

    async def hear(self) -> wire.ServerMessage:
        with anyio.fail_after(5):
            return wire.decode_server(await self.receiving.receive())

    async def end(self) -> wire.Bye | None:
        with anyio.fail_after(5):
            await self.ended.wait()
        return self.ends[0]


@asynccontextmanager
async def connected(token: str | None = None, limits: Limits | None = None, buffer: int = 100) -> AsyncIterator[Client]:
    """A session of a bus in memory that runs while the context lasts."""
    limits = limits or Limits()
    sending, to_server = anyio.create_memory_object_stream[bytes](100)
    to_client, receiving = anyio.create_memory_object_stream[bytes](buffer)
    channel = MemoryChannel(to_server, to_client)
    async with MemoryJournal() as journal, Bus(journal) as bus, anyio.create_task_group() as group:
        client = Client(journal, bus, channel, sending, receiving)

        async def run() -> None:
            client.ends.append(await Session(bus, channel, FrameCache(limits.max_frame), limits).run(token))
            client.ended.set()

        group.start_soon(run)
        with sending, to_server, to_client, receiving:
            yield client
            group.cancel_scope.cancel()


async def publish(bus: Bus, *kinds: str) -> None:
    """Commit events of these kinds."""
    for kind in kinds:
        bus.publish(Event(kind=kind))
    await bus.flushed()


async def test_a_subscription_replays_and_goes_on_live() -> None:
    async with connected() as client:
        await publish(client.bus, "a.x", "b.x")
        await client.say(wire.Hello(after="start", filter=Filter(kinds=("a.*",))))
        welcome, replayed = await client.hear(), await client.hear()
        await publish(client.bus, "b.x", "a.y")
        live = await client.hear()

        assert isinstance(welcome, wire.Welcome)
        assert (welcome.cursor[-2:], welcome.head[-2:]) == (":0", ":2")
        assert [row[0] for message in (replayed, live) if isinstance(message, wire.Events) for row in message.rows] == [
            1,
            4,
        ]


async def test_a_filter_that_matches_nothing_still_moves_the_cursor() -> None:
    async with connected(limits=Limits(mark_seconds=0.001)) as client:
        await client.say(wire.Hello(after="now", filter=Filter(kinds=("wanted",))))
        await client.hear()
        await publish(client.bus, "a", "b")

        assert await client.hear() == wire.Events(through=2, rows=[])


async def test_now_begins_after_the_head() -> None:
    async with connected() as client:
        await publish(client.bus, "a", "b")
        await client.say(wire.Hello(after="now"))
        welcome = await client.hear()
        await publish(client.bus, "c")
        live = await client.hear()

        assert isinstance(welcome, wire.Welcome)
        assert isinstance(live, wire.Events)
        assert [event.kind for event in live.events()] == ["c"]


async def test_a_published_batch_is_acknowledged_once_it_is_committed() -> None:
    async with connected() as client:
        await client.say(wire.Hello())
        await client.hear()
        event = Event(kind="a", id="0190a0b0-0000-7000-8000-000000000001")
        await client.sending.send(wire.publish_frame("w", 7, [wire.event_row(event)]))
        await client.sending.send(wire.publish_frame("w", 8, [wire.event_row(event)]))

        assert [await client.hear(), await client.hear()] == [wire.Ack(7, 1), wire.Ack(8, 1)]
        assert [stored.id for stored in await client.journal.read()] == [event.id]


async def test_a_cursor_that_cannot_be_followed_is_reset_with_the_places_to_go_on() -> None:
    async with connected() as client:
        await publish(client.bus, "a")
        await client.say(wire.Hello(after="garbage"))
        reset, bye = await client.hear(), await client.end()

        assert isinstance(reset, wire.Reset)
        assert (reset.oldest[-2:], reset.head[-2:]) == (":0", ":1")
        assert bye is not None
        assert (bye.code, bye.reason) == (wire.CloseCode.RESET, reset.reason)


@pytest.mark.parametrize("shown", ["", "no", "ñö"])
async def test_nothing_is_sent_before_the_right_token(shown: str) -> None:
    async with connected(token="yes") as client:
        await client.say(wire.Hello(token=shown, after="start"))
        bye = await client.end()

        assert bye is not None
        assert bye.code == wire.CloseCode.UNAUTHORIZED
        assert client.channel.admitted == 0
        with pytest.raises(anyio.WouldBlock):
            client.receiving.receive_nowait()


async def test_a_hello_has_to_come_in_time() -> None:
    async with connected(limits=Limits(hello_seconds=0.001)) as client:
        bye = await client.end()

        assert bye is not None
        assert bye.code == wire.CloseCode.MALFORMED


async def test_a_client_that_does_not_read_is_told_where_to_resume() -> None:
    """Frames hold one event each here, and one of them fits into the channel."""
    async with connected(limits=Limits(stall_seconds=0.001, max_frame=1), buffer=1) as client:
        await publish(client.bus, "a", "b", "c")
        await client.say(wire.Hello(after="start"))
        await client.hear()
        bye = await client.end()

        assert bye is not None
        assert bye.code == wire.CloseCode.TOO_SLOW
        assert bye.cursor.endswith(":1")
        assert isinstance(read := await client.hear(), wire.Events)
        assert [row[0] for row in read.rows] == [1]


async def test_a_malformed_message_ends_the_session_with_the_reason() -> None:
    async with connected() as client:
        await client.say(wire.Hello(after="now"))
        await client.hear()
        await client.sending.send(b"{")
        bye = await client.end()

        assert bye is not None
        assert bye.code == wire.CloseCode.MALFORMED
        assert bye.cursor


async def test_a_client_that_left_is_told_nothing() -> None:
    async with connected() as client:
        await client.say(wire.Hello(after="now"))
        await client.hear()
        client.sending.close()

        assert await client.end() is None
