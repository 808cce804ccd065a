"""The server on real sockets of 127.0.0.1: who is let in, and what becomes of those who misbehave."""

import base64
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

import anyio
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from segue_events import Bus, Event
from segue_events.journal.memory import MemoryJournal
from segue_events.stream import Limits, NotExposed, Reader, StreamRefused, StreamServer, read, serve, wire
from segue_events.stream.server import Options


@asynccontextmanager
async def served(**options: object) -> AsyncIterator[StreamServer]:
    """A server of a bus in memory that holds one event."""
    async with MemoryJournal() as journal, Bus(journal) as bus:
        bus.publish(Event(kind="secret"))
        await bus.flushed()
        async with serve(bus, **Options(**options)) as server:  # type: ignore[typeddict-item]
            yield server


async def closed(connection: ClientConnection) -> tuple[list[wire.ServerMessage], int, str]:
    """Everything a server says until it closes, and the code and reason it closes with."""
    said: list[wire.ServerMessage] = []
    with anyio.fail_after(5):
        while True:
            try:
                said.append(wire.decode_server(await connection.recv(decode=False)))
            except ConnectionClosed:
                return said, connection.close_code or 0, connection.close_reason or ""


async def answer_to(server: StreamServer, *headers: str) -> bytes:
    """What the server answers to a raw handshake with these headers."""
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = ["GET / HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    request = "\r\n".join([*lines, f"Sec-WebSocket-Key: {key}", *headers, "", ""])
    async with await anyio.connect_tcp("127.0.0.1", server.port) as stream:
        await stream.send(request.encode())
        with anyio.fail_after(5):
            return await stream.receive()


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",),
        ("Host: 127.0.0.1.evil.example",),
        ("Host: 127.0.0.1", "Host: evil.example"),
        (),
        ("Host: 127.0.0.1", "Origin: https://evil.example"),
        ("Host: 127.0.0.1", "Origin: null"),
        ("Host: 127.0.0.1", "Origin: http://127.0.0.1:3000"),
    ],
)
async def test_hostile_hosts_and_origins_are_refused_before_anything_is_sent(headers: tuple[str, ...]) -> None:
    async with served() as server:
        answer = await answer_to(server, *headers)

        assert answer.startswith(b"HTTP/1.1 403 ")
        assert b"secret" not in answer


async def test_configured_hosts_and_origins_are_let_in() -> None:
    async with served(hosts=("segue.example",), origins=("https://page.example",)) as server:
        answer = await answer_to(server, "Host: segue.example:80", "Origin: https://page.example")

        assert answer.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize("shown", ["", "wrong", "tökén", "x" * 3000])
async def test_a_wrong_token_is_refused_before_anything_is_told(shown: str) -> None:
    async with served(token="right") as server, connect(server.url) as client:
        await client.send(wire.encode(wire.Hello(token=shown, after="start")), text=True)
        said, code, _ = await closed(client)

        assert code == wire.CloseCode.UNAUTHORIZED
        assert [type(message) for message in said] == [wire.Bye]


async def test_a_stranger_gets_no_more_memory_than_a_hello_needs() -> None:
    async with served(token="right") as server, connect(server.url) as client:
        await client.send("x" * 5000)
        said, code, _ = await closed(client)

        assert (said, code) == ([], 1009)


async def test_a_batch_may_be_larger_than_a_hello_but_is_bounded_too() -> None:
    async with served(limits=Limits(max_frame=50_000)) as server, connect(server.url) as client:
        await client.send(wire.encode(wire.Hello()), text=True)
        await client.recv()
        await client.send(batch(1, size=40_000), text=True)
        assert wire.decode_server(await client.recv(decode=False)) == wire.Ack(1, 2)

        await client.send(batch(2, size=60_000), text=True)
        said, code, _ = await closed(client)
        assert (said, code) == ([], 1009)


def batch(number: int, size: int) -> bytes:
    """A publish message with one event of this many bytes."""
    return wire.publish_frame(
        "w", number, [wire.event_row(Event(kind="big", id=str(number), payload={"x": "y" * size}))]
    )


async def test_silence_and_binary_noise_are_answered_with_a_reason() -> None:
    async with served(limits=Limits(hello_seconds=0.05)) as server:
        for noise in (None, b"\xff\x00", "[1]"):
            async with connect(server.url) as client:
                if noise is not None:
                    await client.send(noise)
                said, code, reason = await closed(client)

                assert code == wire.CloseCode.MALFORMED
                assert [type(message) for message in said] == [wire.Bye]
                assert reason


async def test_too_many_clients_are_turned_away() -> None:
    async with served(limits=Limits(clients=1)) as server, connect(server.url) as client:
        await client.send(wire.encode(wire.Hello(after="now")), text=True)
        await client.recv()

        with pytest.raises(InvalidStatus, match="503"):
            await connect(server.url)


async def test_a_server_that_stops_tells_where_to_resume() -> None:
    async with served() as server:
        client = await connect(server.url)
        await client.send(wire.encode(wire.Hello(after="start")), text=True)
        await client.recv()
        await client.recv()
    said, code, reason = await closed(client)

    assert code == wire.CloseCode.RESTARTING
    assert isinstance(said[-1], wire.Bye)
    assert said[-1].cursor == reason
    assert reason.endswith(":1")


@pytest.mark.parametrize("after", ["now", None])
async def test_a_bus_that_ends_first_sends_the_clients_away(after: str | None) -> None:
    async with MemoryJournal() as journal, AsyncExitStack() as stack:
        async with Bus(journal) as bus:
            server = await stack.enter_async_context(serve(bus))
            client = await stack.enter_async_context(connect(server.url))
            await client.send(wire.encode(wire.Hello(after=after)), text=True)
            await client.recv()
        await client.send(batch(1, size=1), text=True)
        said, code, _ = await closed(client)

        assert code == wire.CloseCode.RESTARTING
        assert isinstance(said[-1], wire.Bye)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
async def test_a_server_beyond_this_machine_needs_a_token(host: str) -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus:
        with pytest.raises(NotExposed, match="without a token"):
            async with serve(bus, host, token=""):
                pass


async def test_a_client_that_never_reads_holds_up_nobody() -> None:
    """It is still there, its buffers full, when everything is committed and another reader has it all."""
    limits = Limits(stall_seconds=60, closing_seconds=0.05)
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, limits=limits) as server:
        with await deaf_client(server):
            await read_much(bus, server)
            with anyio.fail_after(5):
                await server.wait_clients(1)

            assert bus.backlog == 0


async def test_a_client_that_never_reads_is_closed() -> None:
    limits = Limits(stall_seconds=0.05, closing_seconds=0.05)
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, limits=limits) as server:
        with await deaf_client(server):
            await read_much(bus, server)
            with anyio.fail_after(20):
                await server.wait_clients(0)


async def read_much(bus: Bus, server: StreamServer) -> None:
    """Publish, and read, more than the buffers of a socket hold."""
    async with Reader(server.url) as reader:
        await reader.connect()
        bus.publish_many([Event(kind="big", payload={"x": "y" * 100_000}) for _ in range(200)])
        with anyio.fail_after(20):
            await bus.flushed()
            while (await anext(reader))[-1].seq < 200:
                pass


async def deaf_client(server: StreamServer) -> socket.socket:
    """A client that says hello and then never reads."""
    where = urlsplit(server.url)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((where.hostname, where.port))
    key = base64.b64encode(b"0123456789abcdef").decode()
    lines = ["GET / HTTP/1.1", f"Host: {where.netloc}", "Connection: Upgrade", "Upgrade: websocket"]
    deaf.sendall("\r\n".join([*lines, "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}", "", ""]).encode())
    hello = wire.encode(wire.Hello(after="start"))
    # A frame of text, masked with zeros, as a client's frames have to be.
    deaf.sendall(bytes([0x81, 0x80 | len(hello), 0, 0, 0, 0]) + hello)
    return deaf


async def test_no_token_reaches_the_logs(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(token="canary-token") as server:
        async for _ in read(server.url, after="start", token="canary-token"):
            break
        with pytest.raises(StreamRefused):
            await anext(read(server.url, token="canary-tokem"))

    assert "canary" not in caplog.text
