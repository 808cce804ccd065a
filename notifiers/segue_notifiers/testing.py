"""What tests of alerts need: channels in memory, and a real receiver on loopback."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Any, Self

import anyio
import msgspec

from segue_events import Cursor
from segue_notifiers.errors import NotDelivered
from segue_notifiers.message import Message


class MemoryChannel:
    """Keeps what it is sent; refuses the first `refusals` attempts, or answers nothing at all if it `hangs`."""

    def __init__(self, name: str = "memory", refusals: int = 0, *, hangs: bool = False) -> None:
        self.name = name
        self.messages: list[Message] = []
        self.attempts = 0
        self._refusals = refusals
        self._hangs = hangs

    async def open(self) -> None:
        """Nothing is to be done."""

    async def send(self, message: Message) -> None:
        """Keep the message, unless this one refuses or hangs."""
        self.attempts += 1
        if self._hangs:
            await anyio.sleep_forever()
        if self.attempts <= self._refusals:
            raise NotDelivered(f"refusal {self.attempts}")
        self.messages.append(message)


class MemoryCursors:
    """Cursors that last as long as the object."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor] = {}

    async def get(self, lane: str) -> Cursor | None:
        """The cursor put last."""
        return self.cursors.get(lane)

    async def put(self, lane: str, cursor: Cursor) -> None:
        """Keep the cursor."""
        self.cursors[lane] = cursor


class Receiver:
    """An HTTP server on a free port of 127.0.0.1 that keeps the JSON documents posted to it.

    It answers with `status`; with None it takes the request and says nothing until `answer` or the end.
    """

    def __init__(self, status: int | None = 200) -> None:
        self._status = status
        self._answering = asyncio.Event()
        self._arrival = asyncio.Condition()
        self._handlers: set[asyncio.Task[None]] = set()
        self.documents: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.arrivals: list[float] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answering.set()
        self._server.close()
        await asyncio.gather(*self._handlers)
        await self._server.wait_closed()

    def url(self, path: str = "") -> str:
        """The Apprise URL of this receiver."""
        return f"json://127.0.0.1:{self.port}/{path}"

    def answer(self, status: int) -> None:
        """Answer with this from now on, and to those who wait."""
        self._status = status
        self._answering.set()

    async def received(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many documents have come; return all."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.documents) >= count)
        return self.documents

    def titles(self) -> Counter[str]:
        """How often each title has come."""
        return Counter(document["title"] for document in self.documents)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._answer(reader, writer)
        finally:
            writer.close()
            self._handlers.discard(task)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        async with self._arrival:
            self.arrivals.append(asyncio.get_running_loop().time())
            self.headers.append(headers)
            self.documents.append(msgspec.json.decode(body))
            self._arrival.notify_all()
        if self._status is None:
            await self._answering.wait()
        if self._status is None:
            return
        writer.write(f"HTTP/1.1 {self._status} Answer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
