"""Receiver: a real HTTP server on loopback that keeps what is posted to it, and answers as a test wants."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Literal, Self

import msgspec


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What was posted: the path with its query, headers under their names in small letters, and the body."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as a JSON document."""
        return msgspec.json.decode(self.body)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """How a request is answered; `does` says whether it is at all, or how else the conversation ends.

    "hang" says nothing until the receiver's end, "close" closes without a word.
    """

    status: int = 200
    headers: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    body: bytes = b""
    does: Literal["answer", "hang", "close"] = "answer"

    def lines(self) -> bytes:
        """The answer as it goes over the wire."""
        headers = {"Content-Length": str(len(self.body)), "Connection": "close", **self.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Answer\r\n{head}\r\n".encode("latin-1") + self.body


class Receiver:
    """An HTTP server on a free port of 127.0.0.1 that keeps what is posted to it.

    The first requests are answered by `answers` in their order, and all others with `status`; with None it takes the
    request and says nothing until `answer` or the end. `answer_by` decides by the request instead. With `tls` it
    speaks HTTPS.
    """

    def __init__(
        self,
        status: int | None = 200,
        *,
        answers: Sequence[Answer] = (),
        answer_by: Callable[[Request], Answer | None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._status = status
        self._answers = list(answers)
        self._answer_by = answer_by
        self._tls = tls
        self._answering = asyncio.Event()
        self._ending = asyncio.Event()
        self._arrival = asyncio.Condition()
        self._handlers: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []
        self.arrivals: list[float] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answering.set()
        self._ending.set()
        self._server.close()
        await asyncio.gather(*self._handlers)
        await self._server.wait_closed()

    def url(self, path: str = "", scheme: str = "json") -> str:
        """The URL of this receiver, by default Apprise's for a JSON document."""
        return f"{scheme}://127.0.0.1:{self.port}/{path}"

    def answer(self, status: int) -> None:
        """Answer with this from now on, and to those who wait."""
        self._status = status
        self._answering.set()

    async def received(self, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many requests have come; return the documents of all."""
        async with self._arrival:
            await self._arrival.wait_for(lambda: len(self.requests) >= count)
        return self.documents

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The JSON documents posted, in their order."""
        return [request.json() for request in self.requests]

    @property
    def headers(self) -> list[dict[str, str]]:
        """The headers of each request."""
        return [request.headers for request in self.requests]

    def titles(self) -> Counter[str]:
        """How often each title has come."""
        return Counter(document["title"] for document in self.documents)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            # Whoever gave up before the end of a request, or did not wait for its answer.
            return
        finally:
            writer.close()
            self._handlers.discard(task)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _read(reader)
        async with self._arrival:
            self.arrivals.append(asyncio.get_running_loop().time())
            self.requests.append(request)
            self._arrival.notify_all()
        answer = await self._answer_to(request)
        if answer.does == "hang":
            await self._ending.wait()
        if answer.does == "answer":
            writer.write(answer.lines())
            await writer.drain()

    async def _answer_to(self, request: Request) -> Answer:
        if self._answer_by is not None and (answer := self._answer_by(request)) is not None:
            return answer
        if self._answers:
            return self._answers.pop(0)
        if self._status is None:
            await self._answering.wait()
        return Answer(does="close") if self._status is None else Answer(status=self._status)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(path=head[0].split(" ")[1], headers=headers, body=body)
