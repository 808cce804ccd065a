"""Hostile websockets: frames that are none and messages that mean nothing end their own connection, with a reason."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from segue_events.stream import wire

from .target import SECONDS, UPGRADE, Target, serving_process


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that lets everybody in, which outlives all that this file sends to it."""
    with serving_process(tmp_path_factory.mktemp("hostile") / "home") as running:
        yield running


FRAMES = {
    "a frame without a mask": b"\x81\x02{}",
    "reserved bits": b"\xf1\x80\0\0\0\0",
    "a reserved kind": b"\x83\x80\0\0\0\0",
    "the rest of nothing": b"\x80\x80\0\0\0\0",
    "a ping in parts": b"\x09\x80\0\0\0\0",
    "a ping that is too long": b"\x89\xfe\x00\x7e\0\0\0\0" + b"x" * 126,
    "more bytes than there are": b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
    "a message of 17 MB": b"\x81\xff\0\0\0\0\x01\x03\x66\x40\0\0\0\0",
    "a text that is none": b"\x81\x82\0\0\0\0\xff\xfe",
    "a packed frame": b"\xc1\x82\0\0\0\0{}",
    "a close code that is none": b"\x88\x82\0\0\0\0\x00\x01",
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
async def test_a_frame_that_is_none_ends_its_own_connection_only(target: Target, frame: bytes) -> None:
    headers = "\r\n".join(["Host: 127.0.0.1", "Connection: Upgrade", *UPGRADE])
    async with (
        asyncio.timeout(SECONDS),
        connect(target.stream, proxy=None) as bystander,
        target.connected() as (reader, writer),
    ):
        writer.write(f"GET /api/events/stream HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame)
        left = await reader.read()
        await bystander.send(wire.encode(wire.Hello()), text=True)
        welcome = wire.decode_server(await bystander.recv(decode=False))

    assert left[:1] == b"\x88", "a close frame, and nothing else"
    assert isinstance(welcome, wire.Welcome)


# With an id that is always the same: it is part of the names of tests, which processes have to agree on.
ROW = [0, "018f0000-0000-7000-8000-000000000001", 1, "a.b", "", "", {}]


@pytest.mark.parametrize(
    "rows",
    [
        [[*ROW[:3], "\0", "", "", {}]],
        [[*ROW[:3], "", "", "", {}]],
        [[*ROW[:2], 2**70, "a.b", "", "", {}]],
        [[*ROW[:3], "a.b", "x" * 10, "", json.loads("[" * 300 + "]" * 300)]],
        [[*ROW[:6], {"x": json.loads("[" * 300 + "]" * 300)}]],
        [ROW[:6]],
        [ROW] * (wire.MAX_ROWS + 1),
        {"x": 1},
    ],
    ids=lambda rows: str(rows)[:40],
)
async def test_events_that_no_journal_could_hold_end_the_connection_with_a_reason(target: Target, rows: Any) -> None:
    async with asyncio.timeout(SECONDS), connect(target.stream, proxy=None) as socket:
        await socket.send(wire.encode(wire.Hello()), text=True)
        await socket.recv()
        await socket.send(json.dumps({"type": "publish", "writer": "w", "number": 1, "rows": rows}))
        bye = wire.decode_server(await socket.recv(decode=False))
        with pytest.raises(ConnectionClosed):
            await socket.recv()

    assert isinstance(bye, wire.Bye)
    assert (bye.code, bye.reason[-1]) == (wire.CloseCode.MALFORMED, ".")


HELLOS = {
    "brackets without end": b"[" * 4000,
    "a cursor of thousands of digits": b'{"type":"hello","after":"' + b"9" * 3000 + b'"}',
    "bytes": b"\xff" * 100,
    "too long": b'{"type":"hello","token":"' + b"x" * 5000 + b'"}',
}


@pytest.mark.parametrize("hello", HELLOS.values(), ids=HELLOS.keys())
async def test_a_hello_that_is_none_is_answered_by_a_reason(target: Target, hello: bytes) -> None:
    heard: list[wire.ServerMessage] = []
    async with asyncio.timeout(SECONDS), connect(target.stream, proxy=None) as socket:
        await socket.send(hello)
        with pytest.raises(ConnectionClosed):
            await hear(socket, heard)

    assert isinstance(heard[-1], wire.Bye)
    assert heard[-1].reason.endswith(".")


async def hear(socket: ClientConnection, heard: list[wire.ServerMessage]) -> None:
    while True:
        heard.append(wire.decode_server(await socket.recv(decode=False)))
