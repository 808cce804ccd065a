"""Limits: what is too long, too slow or too often costs the server little, and others nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import httpx2
import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send

from segue.server.address import listen
from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.limits import Limits
from segue.server.patience import protocol_of
from segue.server.problems import Problem
from segue.server.rates import Rates
from segue.server.serving import guarded
from segue.server.wiring import Wiring, wired
from segue.settings import load_settings
from segue_events import SystemClock
from segue_events.testing import FakeClock


class Quiet(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(wiring: Wiring, most: int = 1000, seconds: float = 10) -> AsyncIterator[int]:
    """Serve with all limits; the port."""
    listener, address = listen("127.0.0.1", 0)
    app, _ = guarded(wiring)
    config = uvicorn.Config(
        app,
        http=protocol_of(most, seconds),
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        access_log=False,
    )
    server = Quiet(config)
    with listener:
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield address.port
        finally:
            server.should_exit = True
            await task


@pytest.fixture
async def wiring() -> AsyncIterator[Wiring]:
    loaded = load_settings({"SEGUE_SERVER_MAX_BODY_BYTES": "10000", **home()})
    loaded.settings.database.parent.mkdir(parents=True)
    async with wired(loaded, SystemClock()) as parts:
        yield parts


def home() -> dict[str, str]:
    return {"SEGUE_HOME": str(load_settings().settings.home)}


@pytest.fixture
async def port(wiring: Wiring) -> AsyncIterator[int]:
    async with serving(wiring) as found:
        yield found


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as made:
        yield made


# --- size ---


async def test_a_body_that_is_too_long_is_refused_whether_or_not_its_length_is_told(client: httpx2.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 1000

    headers = {"Content-Type": "application/json"}
    told = await client.post("/api/events/in", content=b" " * 20_000, headers=headers)
    untold = await client.post("/api/events/in", content=parts(), headers=headers)
    short = await client.post("/api/events/in", content=b'{"events": []}', headers=headers)

    assert (told.status_code, untold.status_code, short.status_code) == (413, 413, 200)
    assert told.json()["detail"] == "The body is longer than 10,000 bytes; send it in parts."


async def test_a_stranger_may_send_no_more_than_a_login_needs(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/api/login", json={"key": "x" * 5000})

    assert answer.status_code == 413


async def test_headers_and_queries_that_are_too_long_are_refused(client: httpx2.AsyncClient) -> None:
    headers = await client.get("/health", headers={"X-Long": "x" * 40_000})
    query = await client.get("/api/flow-runs", params={"name": "x" * 40_000})

    assert (headers.status_code, query.status_code) == (431, 431)
    assert "32,768 bytes" in headers.json()["detail"]


async def test_a_head_that_never_ends_is_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\n")
    try:
        while not reader.at_eof():
            writer.write(b"X-More: and more\r\n" * 1000)
            await writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()


async def test_a_packed_body_is_not_unpacked(client: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}

    answer = await client.post("/api/events/in", content=b"\x1f\x8b\x08\x00", headers=headers)

    assert answer.status_code == 422


# --- time ---


class Trickle:
    """A client's end that sends the first part of a body and then nothing."""

    def __init__(self) -> None:
        self.parts = 0

    async def receive(self) -> Message:
        self.parts += 1
        if self.parts > 1:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"{", "more_body": True}


async def test_a_body_that_does_not_come_is_not_waited_for_longer_than_ten_seconds() -> None:
    clock, problems = FakeClock(), list[Problem]()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            while True:
                await receive()
        except Problem as problem:
            problems.append(problem)

    async def send(message: Message) -> None:
        raise AssertionError(message)

    scope = {"type": "http", "headers": [], "query_string": b"", "path": "/api/events/in"}
    task = asyncio.create_task(Limits(app, 100, clock, frozenset())(scope, Trickle().receive, send))
    await clock.advance(9.9)
    assert problems == []
    await clock.advance(0.2)
    await task

    assert [problem.status for problem in problems] == [408]


async def test_more_connections_than_there_may_be_are_not_taken(wiring: Wiring) -> None:
    async with serving(wiring, most=2) as port:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        held[0][1].write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        answer = await held[0][0].readline()
        for _, opened in [*held, (reader, writer)]:
            opened.close()

    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_head_that_does_not_come_is_not_waited_for(wiring: Wiring) -> None:
    async with serving(wiring, seconds=0.05) as port:
        silent, begun, done = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        begun[1].write(b"GET /health HT")
        done[1].write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        for reader, _ in (silent, begun):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
        # A connection that waits for its next request has more time than that.
        done[1].write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answers = await done[0].read()
        for _, writer in (silent, begun, done):
            writer.close()

    assert answers.count(b"HTTP/1.1 200 OK") == 2


async def test_health_answers_while_hundreds_of_clients_say_nothing(port: int, client: httpx2.AsyncClient) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
    for _, writer in silent:
        writer.write(b"GET /hea")

    answer = await client.get("/health")

    assert answer.status_code == 200
    for _, writer in silent:
        writer.close()


# --- rate ---


def test_a_bucket_holds_its_burst_and_fills_again() -> None:
    rates = Rates(per_second=2, burst=3)

    at_once = [rates.spend("me", 10.0) for _ in range(4)]
    later = [rates.spend("me", 10.5), rates.spend("me", 10.5), rates.spend("me", 1000.0)]

    assert at_once == [0, 0, 0, 0.5]
    assert later == [0, 0.5, 0]


def test_one_caller_does_not_use_up_what_is_anothers() -> None:
    rates = Rates(per_second=1, burst=1)

    assert [rates.spend(name, 0.0) for name in ("me", "me", "you")] == [0, 1, 0]


def test_callers_without_number_take_a_bounded_place() -> None:
    rates = Rates(per_second=1, burst=1)
    for n in range(20_001):
        rates.spend(str(n), 0.0)

    assert rates.spend("20000", 0.0) == 1, "who came last is remembered"
    assert rates.spend("0", 0.0) == 0, "who came first is forgotten"


async def test_who_asks_too_often_is_told_when_to_ask_again() -> None:
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    clock = FakeClock()
    access = Authentication(KeysFile(loaded.settings.database), clock, per_second=2)
    async with (
        wired(loaded, clock, access=access, authentication=access) as wiring,
        serving(wiring) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        answers = [await client.get("/api/me") for _ in range(5)]
        await clock.advance(1)
        again = await client.get("/api/me")

    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 429]
    assert (answers[-1].headers["retry-after"], again.status_code) == ("1", 200)
