"""Target: a server in a process of its own, and what can be sent to it byte by byte, tidied up by no client."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from segue.server.keys import KeysFile

UPGRADE = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
"""The headers by which a websocket is asked for."""

SECONDS = 20.0
"""How long an answer is waited for: what takes longer hangs."""


class Answer(NamedTuple):
    """What came back before the connection was closed; status 0 if that was nothing."""

    status: int
    head: str
    body: bytes

    @property
    def problem(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Target:
    """A running server: its port, its home, and the file that its log goes to."""

    port: int
    home: Path
    log: Path

    @property
    def keys(self) -> KeysFile:
        return KeysFile(self.home / "segue.db")

    @property
    def stream(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/events/stream"

    def client(self, **more: Any) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=SECONDS, **more)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A bare connection, which is torn down at the end."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def send(self, data: bytes) -> Answer:
        """Send these very bytes, and return what comes back until the server closes the connection."""
        async with asyncio.timeout(SECONDS), self.connected() as (reader, writer):
            sending = asyncio.create_task(_sent(writer, data))
            received = b""
            try:
                while some := await reader.read(65_536):
                    received += some
            except ConnectionError:
                pass
            await sending
        return _answer(received)

    async def ask(self, line: str, *headers: str, body: bytes = b"") -> Answer:
        """Send a request with this first line and these headers, and a Host if they have none."""
        named = headers if any(one.lower().startswith("host:") for one in headers) else ("Host: 127.0.0.1", *headers)
        head = "\r\n".join((f"{line} HTTP/1.1", *named, "Connection: close", "", ""))
        return await self.send(head.encode("latin-1") + body)


async def _sent(writer: asyncio.StreamWriter, data: bytes) -> None:
    try:
        writer.write(data)
        await writer.drain()
    except ConnectionError:
        pass  # the server has heard enough


def _answer(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    words = head.split(b" ", 2)
    return Answer(int(words[1]) if len(words) > 1 else 0, head.decode("latin-1"), body)


@contextmanager
def serving_process(home: Path, **settings: str) -> Iterator[Target]:
    """Start a server on a database of its own; at the end it must live still, and have foreseen all that it met."""
    home.mkdir()
    log, environ = home / "log", {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
    environ |= {"SEGUE_HOME": str(home), "SEGUE_SERVER_PORT": "0", "SEGUE_SERVER_REQUESTS_PER_SECOND": "0", **settings}
    read, write = os.pipe()
    with log.open("wb") as errors, open(read) as reader:
        command = [sys.executable, "-m", "segue.server", f"--report={write}"]
        process = subprocess.Popen(command, env=environ, pass_fds=[write], stderr=errors)
        os.close(write)
        try:
            told = json.loads(reader.read())
            yield Target(int(told["holder"]["url"].rpartition(":")[2]), home, log)
            assert process.poll() is None
        finally:
            process.terminate()
            assert process.wait(SECONDS) == 0
    assert " ERROR " not in log.read_text(), log.read_text()
