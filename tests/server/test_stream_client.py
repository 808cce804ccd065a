"""segue.client against a real server: what is asked, how it fails, and how it gets through."""

import asyncio
import dataclasses
import inspect
import socket
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import pytest

from segue import states
from segue.api.engine import EventIn
from segue.client import AsyncClient, Client, RequestRefused, ServerAway, asks
from segue.exceptions import SettingsError
from segue.server.access import Caller, Scope
from segue.server.problems import Problem
from segue.server.routes import TABLE
from segue_events import CursorReset, Event, Filter, SystemClock, new_id
from segue_events.stream import StreamRefused

from .conftest import Server, serving

ASKS: list[asks.Ask[Any]] = [
    asks.version(),
    asks.ready(),
    asks.flow_runs({}),
    asks.count_flow_runs({}),
    asks.flow_run("x"),
    asks.states("x"),
    asks.logs("x", {}),
    asks.graph("x"),
    asks.task_runs({}),
    asks.task_run("x"),
    asks.flows(),
    asks.cancel("x", ""),
    asks.delete("x"),
    asks.events({}),
    asks.poll("now", 0),
    asks.publish([]),
    asks.cached("x"),
]


@pytest.fixture
async def client(server: Server) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(f"{server.url}/api") as made:
        yield made


@asynccontextmanager
async def relay(port: int, silent: bool = False) -> AsyncIterator[str]:
    """What stands before many a server: it passes requests on, but refuses websockets, or just hangs up on them."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await pass_on(reader, writer)
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"upgrade: websocket" in head.lower():
            if not silent:
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return
        there, back = await asyncio.open_connection("127.0.0.1", port)
        back.write(head)
        await asyncio.wait(
            [asyncio.create_task(copy(reader, back)), asyncio.create_task(copy(there, writer))],
            return_when=asyncio.FIRST_COMPLETED,
        )
        back.close()

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
                await target.drain()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/api"
    finally:
        listener.close()


@pytest.fixture(params=[False, True], ids=["refused", "hung up on"])
async def far(server: Server, request: pytest.FixtureRequest) -> AsyncIterator[AsyncClient]:
    """A client whose websockets do not come through."""
    async with relay(server.port, request.param) as url, AsyncClient(url) as made:
        yield made


class Closed:
    """Lets nobody in who does not show the key."""

    async def admit(self, connection: Any, needed: Scope | None) -> Caller:
        if connection.headers.get("authorization") != "Bearer sgk_1_right":
            raise Problem(401, "This needs a key.")
        return Caller("a friend", Scope.ADMIN)


@pytest.mark.parametrize("ask", ASKS, ids=lambda ask: ask.path)
def test_each_ask_is_a_route_of_the_server_with_the_same_answer(ask: asks.Ask[Any]) -> None:
    found = [
        route
        for route in TABLE
        if route.method == ask.method and matches(route.path.removeprefix("/api").split("/"), ask.path.split("/"))
    ]
    assert [route.answer for route in found][:1] == [ask.answer]


def matches(pattern: list[str], path: list[str]) -> bool:
    return len(pattern) == len(path) and all(
        one == other or one.startswith("{") for one, other in zip(pattern, path, strict=True)
    )


def test_the_plain_client_has_the_methods_of_the_asynchronous_one() -> None:
    def methods(kind: type) -> dict[str, str]:
        return {name: str(inspect.signature(one)) for name, one in vars(kind).items() if not name.startswith("_")}

    theirs = methods(AsyncClient)
    del theirs["stream"]
    assert methods(Client) == theirs


async def test_a_run_is_found_by_each_client(server: Server, client: AsyncClient) -> None:
    run = await server.flow_run(states.Running(occurred=20))

    def plain() -> str:
        with Client(f"{server.url}/api") as made:
            return made.flow_run("brave-otter").id

    assert (await client.flow_run("brave-otter")).id == await asyncio.to_thread(plain) == run.id
    assert [one.id for one in (await client.flow_runs(type=["RUNNING"], limit=1)).items] == [run.id]


async def test_what_the_server_will_not_do_is_said_in_its_words(client: AsyncClient) -> None:
    with pytest.raises(RequestRefused, match="no-such-run") as refused:
        await client.flow_run("no-such-run")
    assert refused.value.status == 404
    with pytest.raises(RequestRefused) as refused:
        await client.flow_runs(limit=1000)
    assert [error.path for error in refused.value.errors] == ["query.limit"]


async def test_names_of_any_kind_stay_in_their_place_of_the_path(client: AsyncClient) -> None:
    with pytest.raises(RequestRefused, match="404"):
        await client.flow_run("../version?x#y")


async def test_a_server_that_is_away_is_tried_again_and_then_said_to_be(free_port: int) -> None:
    clock = Hasty()
    async with AsyncClient(f"http://127.0.0.1:{free_port}/api", clock=clock, attempts=3) as client:
        with pytest.raises(ServerAway, match="segue server start"):
            await client.version()
    assert len(clock.waits) == 2
    assert clock.waits[0] < clock.waits[1]


class Hasty(SystemClock):
    """A clock by which each wait is over at once."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def test_what_answers_but_is_no_server_is_said_to_be_none(server: Server) -> None:
    async with AsyncClient(f"{server.url}/elsewhere", attempts=1) as client:
        with pytest.raises(RequestRefused, match="openapi"):
            await client.version()


@pytest.mark.parametrize("url", ["", "127.0.0.1:4200", "ftp://x/api", "http://", "http://u:p@x/api", "http://x/?a"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        Client(url)


async def test_a_key_is_shown_by_requests_and_streams(server: Server) -> None:
    async with serving(dataclasses.replace(server.wiring, access=Closed())) as guarded:
        async with AsyncClient(f"{guarded.url}/api", "sgk_1_right") as client:
            await client.publish([EventIn(kind="a.b")])
            assert [event.kind for event in await first(client, after="start")] == ["a.b"]
        async with AsyncClient(f"{guarded.url}/api", "sgk_1_wrong") as client:
            with pytest.raises(RequestRefused, match="needs a key"):
                await client.events()
            with pytest.raises(StreamRefused, match="401"):
                await first(client)


async def first(client: AsyncClient, **more: Any) -> list[Event]:
    async with asyncio.timeout(10), aclosing(client.stream(**more)) as batches:
        return await anext(batches)


# --- where no websocket comes through ---


async def test_a_stream_comes_through_where_no_websocket_does(server: Server, far: AsyncClient) -> None:
    await server.record(Event(kind="a.b"), Event(kind="c.d"))
    async with asyncio.timeout(10), aclosing(far.stream(Filter(kinds=("c.*", "e.*")), "start")) as batches:
        assert [event.kind for event in await anext(batches)] == ["c.d"]
        await server.record(Event(kind="a.b"), Event(kind="e.f", occurred=5, payload={"n": 1}))
        batch = await anext(batches)
    assert [(event.seq, event.kind, event.occurred, event.payload) for event in batch] == [(4, "e.f", 5, {"n": 1})]


async def test_by_http_too_a_cursor_of_another_journal_is_not_followed(server: Server, far: AsyncClient) -> None:
    await server.record(Event(kind="a.b"))
    with pytest.raises(CursorReset, match="another journal"):
        await first(far, after="other:0:1")


async def test_events_are_published_once_however_often_they_are_sent(client: AsyncClient) -> None:
    batch = [EventIn(kind="a.b", id=new_id()), EventIn(kind="c.d", id=new_id())]
    assert await client.publish(batch) == await client.publish(batch) == 2
