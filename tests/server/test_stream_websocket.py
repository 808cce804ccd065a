"""The stream by websocket: the protocol of segue_events on a port of the server."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from segue.server.access import Caller, Scope
from segue.server.problems import Problem
from segue.server.streams.streams import Streams
from segue_events import Cursor, Event, Filter, new_id
from segue_events.stream import Limits, Reader, Writer, wire

from .conftest import Server, serving


def url(server: Server) -> str:
    return f"ws://127.0.0.1:{server.port}/api/events/stream"


class Reading:
    """Lets everybody in, to read."""

    async def admit(self, connection: Any, needed: Scope | None) -> Caller:
        return Caller("a reader", Scope.READ)


class Closed:
    """Lets nobody in."""

    async def admit(self, connection: Any, needed: Scope | None) -> Caller:
        raise Problem(401, "This needs a key.")


async def test_a_reader_gets_what_was_and_what_comes(server: Server) -> None:
    await server.record(Event(kind="a.b"))
    async with asyncio.timeout(10), Reader(url(server), after="start") as reader:
        assert [event.kind for event in await anext(reader)] == ["a.b"]
        await server.record(Event(kind="c.d"))
        assert [event.kind for event in await anext(reader)] == ["c.d"]


async def test_a_writer_knows_that_what_it_wrote_is_committed(server: Server) -> None:
    async with asyncio.timeout(10), Writer(url(server)) as writer:
        for number in range(3_000):
            writer.publish(Event(kind="a.b", payload={"n": number}))
        await writer.flushed()
        kept = await server.wiring.journal.read(limit=5_000)
    assert [event.payload["n"] for event in kept] == list(range(3_000))


async def test_a_reader_is_only_sent_what_it_wants(server: Server) -> None:
    async with asyncio.timeout(10), Reader(url(server), filter=Filter(kinds=("good.*",)), after="start") as reader:
        await server.record(Event(kind="bad.one"), Event(kind="good.one"))
        assert [event.kind for event in await anext(reader)] == ["good.one"]


async def test_a_stream_goes_on_after_every_cursor(server: Server) -> None:
    await server.record(*(Event(kind="a.b", payload={"n": n}) for n in range(6)))
    head = await server.wiring.journal.head()
    for seq in range(6):
        place = Cursor(head.journal, head.epoch, seq)
        async with asyncio.timeout(10), Reader(url(server), after=place) as reader:
            assert [event.seq for event in await anext(reader)] == list(range(seq + 1, 7))


async def test_who_may_not_come_in_gets_no_websocket(server: Server) -> None:
    async with serving(dataclasses.replace(server.wiring, access=Closed())) as guarded:
        with pytest.raises(InvalidStatus) as refused:
            await connect(url(guarded))
    assert refused.value.response.status_code == 401


async def test_who_may_only_read_cannot_publish(server: Server) -> None:
    async with (
        asyncio.timeout(10),
        serving(dataclasses.replace(server.wiring, access=Reading())) as guarded,
        connect(url(guarded)) as socket,
    ):
        await socket.send(wire.encode(wire.Hello()), text=True)
        await socket.recv()
        await socket.send(wire.encode(wire.Publish("w", 1, [(0, new_id(), 1, "a.b", "", "", {})])), text=True)
        bye = wire.decode_server(await socket.recv(decode=False))
    assert isinstance(bye, wire.Bye)
    assert (bye.code, bye.reason) == (4401, "The key of a reader may not publish this; use one of scope run.")
    assert (await server.wiring.journal.head()).seq == 0


async def test_a_page_of_another_site_gets_no_websocket(server: Server) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(url(server), origin="https://evil.example")  # pyright: ignore[reportArgumentType]
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize(
    "frame", ["", "{", "[]", '{"type":"publish","writer":"w","number":1,"rows":[]}', "\0", '{"type":"hello","x":1}']
)
async def test_what_is_no_hello_ends_the_connection_with_a_reason(server: Server, frame: str) -> None:
    async with asyncio.timeout(10), connect(url(server)) as socket:
        await socket.send(frame)
        bye = wire.decode_server(await socket.recv(decode=False))
        assert isinstance(bye, wire.Bye)
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == wire.CloseCode.MALFORMED


async def test_a_message_that_is_too_large_ends_the_connection(server: Server) -> None:
    streams = Streams(server.wiring.bus, Limits(max_frame=1000))
    async with (
        asyncio.timeout(10),
        serving(dataclasses.replace(server.wiring, streams=streams)) as strict,
        connect(url(strict)) as socket,
    ):
        await socket.send(wire.encode(wire.Hello()), text=True)
        await socket.recv()
        await socket.send("x" * 1001)
        bye = wire.decode_server(await socket.recv(decode=False))
    assert isinstance(bye, wire.Bye)
    assert (bye.code, bye.reason) == (1009, "A message has 1,001 bytes; at most 1,000 are read.")


async def test_one_event_may_have_megabytes(server: Server) -> None:
    text = "x" * 5_000_000
    async with asyncio.timeout(10), Reader(url(server), after="start") as reader:
        await server.client.post("/api/events/in", json={"events": [{"kind": "a.b", "payload": {"text": text}}]})
        assert (await anext(reader))[0].payload == {"text": text}


async def test_a_server_that_stops_says_where_to_go_on(server: Server) -> None:
    await server.record(Event(kind="a.b"))
    async with asyncio.timeout(10), connect(url(server)) as socket:
        await socket.send(wire.encode(wire.Hello(after="start")), text=True)
        messages = [wire.decode_server(await socket.recv(decode=False)) for _ in range(2)]
        assert isinstance(messages[1], wire.Events)
        server.wiring.streams.stop()
        bye = wire.decode_server(await socket.recv(decode=False))
    assert isinstance(bye, wire.Bye)
    assert (bye.code, bye.cursor) == (1012, str(await server.wiring.journal.head()))


async def test_a_client_that_never_reads_is_left_and_holds_up_nobody(server: Server) -> None:
    streams = Streams(server.wiring.bus, Limits(stall_seconds=0.2))
    async with (
        asyncio.timeout(30),
        serving(dataclasses.replace(server.wiring, streams=streams)) as strict,
        Reader(url(strict), after="now") as reader,
        lazy_client(strict),
    ):
        await reader.connect()
        await streams.wait_open(2)
        while len(streams) == 2:
            await server.record(*(Event(kind="a.b", payload={"text": "x" * 50_000}) for _ in range(10)))
            seen = 0
            while seen < 10:
                seen += len(await anext(reader))


@asynccontextmanager
async def lazy_client(server: Server) -> AsyncIterator[None]:
    """A client that asks for all that comes, and reads none of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    hello = wire.encode(wire.Hello(after="now"))
    mask = b"\0\0\0\0"
    request = (
        f"GET /api/events/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    writer.write(request.encode())
    await reader.readuntil(b"\r\n\r\n")
    writer.write(bytes([0x81, 0x80 | len(hello)]) + mask + hello)
    await reader.readuntil(b"welcome")
    try:
        yield
    finally:
        writer.transport.abort()
