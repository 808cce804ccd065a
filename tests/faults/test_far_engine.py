"""Flows that record at a server: it dies, is away, is cut off, refuses; nothing is lost, and no run waits for it."""

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest

from segue import flow, task
from segue.client import AsyncClient
from segue.exceptions import CancelledRun
from segue.far.link import close_links
from segue.settings import temporary_settings
from segue.tables import projections
from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal

from .server_process import Server


@pytest.fixture
def server(tmp_path: Path, segue_home: Path) -> Iterator[Server]:
    """A server that was not started yet; the flows of the test record there."""
    made = Server(tmp_path / "server")
    with temporary_settings({"api_url": made.url, "home": segue_home}), ExitStack() as stack:
        stack.callback(made.end)
        stack.callback(close_links, 0.0)
        yield made


@pytest.fixture
def started(server: Server) -> Server:
    server.start()
    return server


@task
async def step(number: int) -> int:
    return number


def finished(events: list[Event], kind: str = "flow-run.completed") -> int:
    assert len({event.id for event in events}) == len(events)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return sum(event.kind == kind for event in events)


def spools(home: Path) -> list[Path]:
    """What is kept on disk for servers."""
    return list((home / "spool").glob("*/*/*.rows"))


# --- the server ---


async def test_what_a_flow_does_is_at_the_server_when_it_has_ended_and_nowhere_else(
    started: Server, segue_home: Path
) -> None:
    @flow
    async def f() -> int:
        return await step(1)

    assert await f() == 1
    kinds = [event.kind for event in await started.events()]
    assert Counter(kinds)["flow-run.completed"] == 1
    assert Counter(kinds)["task-run.completed"] == 1
    assert not (segue_home / "segue.db").exists()
    close_links()
    assert spools(segue_home) == []


async def test_a_server_killed_under_fifty_running_flows_loses_nothing(started: Server) -> None:
    half = asyncio.Barrier(51)
    back = asyncio.Event()

    @flow
    async def f(number: int) -> int:
        for one in range(5):
            await step(one)
        await half.wait()
        for one in range(5):
            await step(one)
        await back.wait()
        return await step(number)

    flows = asyncio.gather(*(f(number) for number in range(50)))
    await half.wait()
    started.end(signal.SIGKILL)
    await asyncio.to_thread(started.start)
    back.set()
    assert await flows == list(range(50))
    await asyncio.to_thread(close_links)
    events = await started.events()
    assert finished(events) == 50
    assert finished(events, "task-run.completed") == 550


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_a_server_that_comes_and_goes_again_and_again_loses_nothing(started: Server, number: int) -> None:
    def restart() -> None:
        started.end(number)
        started.start()

    @flow
    async def f() -> None:
        for _ in range(4):
            restarting = asyncio.create_task(asyncio.to_thread(restart))
            for one in range(200):
                await step(one)
                await asyncio.sleep(0)
            await restarting

    await f()
    await asyncio.to_thread(close_links, 60.0)
    events = await started.events()
    assert finished(events) == 1
    assert finished(events, "task-run.completed") == 800


async def test_events_of_a_run_come_in_the_order_in_which_they_happened(started: Server) -> None:
    @flow
    async def f() -> None:
        for number in range(300):
            await step(number)
            if number == 100:
                started.end()
                await asyncio.to_thread(started.start)

    await f()
    await asyncio.to_thread(close_links)
    results = [event.payload["result"] for event in await started.events() if event.kind == "task-run.completed"]
    assert results == list(range(300))


async def test_a_flow_runs_while_the_server_is_away_and_is_told_by_the_next_one(
    server: Server, segue_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    @flow
    async def f() -> int:
        return await step(7)

    assert await f() == 7
    assert "Flows go on" in caplog.text
    close_links(0.0)
    assert len(spools(segue_home)) == 1

    server.start()
    assert await f() == 7
    async with AsyncClient(server.url) as client:
        await until_two_runs(client)
    await asyncio.to_thread(close_links)
    assert finished(await server.events()) == 2
    assert spools(segue_home) == []


async def until_two_runs(client: AsyncClient) -> None:
    """Wait until two flow runs have completed."""
    seen = 0
    async for batch in client.stream(after="start"):
        seen += sum(event.kind == "flow-run.completed" for event in batch)
        if seen == 2:
            return


DOOMED = """
import os, signal
from segue import flow, task

@task
def step(number):
    return number

@flow
def f():
    for number in range(20):
        step(number)

f()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def test_what_a_killed_engine_had_on_disk_is_told_by_the_next_one(server: Server, segue_home: Path) -> None:
    environment = {**os.environ, "SEGUE_API_URL": server.url}
    doomed = await asyncio.create_subprocess_exec(sys.executable, "-c", DOOMED, env=environment)
    assert await doomed.wait() == -signal.SIGKILL

    server.start()

    @flow
    async def f() -> None:
        pass

    await f()
    async with AsyncClient(server.url) as client:
        await until_two_runs(client)
    assert finished(await server.events(), "task-run.completed") == 20


async def sync(server: Server) -> tuple[int, str, str]:
    """`segue server sync`, where the flows of the test run."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "segue", "server", "sync"),
        env={**os.environ, "SEGUE_API_URL": server.url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_command_sends_what_a_killed_engine_had_on_disk_and_says_how_much(
    server: Server, segue_home: Path
) -> None:
    environment = {**os.environ, "SEGUE_API_URL": server.url}
    doomed = await asyncio.create_subprocess_exec(sys.executable, "-c", DOOMED, env=environment)
    await doomed.wait()

    away = await sync(server)
    left = spools(segue_home)
    server.start()
    sent, again = await sync(server), await sync(server)

    events = await server.events()
    assert finished(events, "task-run.completed") == 20
    assert (away[0], len(left), spools(segue_home)) == (5, 1, [])
    assert f"{len(events)} events could not be sent to the server at {server.url}" in away[2]
    assert sent == (0, f"{len(events)} events, left by 1 process, were sent to the server at {server.url}.\n", "")
    assert (again[0], again[1].startswith("Nothing that has ended waits")) == (0, True)


async def test_a_key_that_is_refused_stops_no_flow_and_what_it_does_is_kept(
    started: Server, segue_home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    environment = {**os.environ, "SEGUE_HOME": str(started.home)}
    make = [sys.executable, "-m", "segue", "api-key", "create", "engine"]
    made = await asyncio.create_subprocess_exec(*make, env=environment, stdout=subprocess.DEVNULL)
    assert await made.wait() == 0

    @flow
    async def f() -> int:
        return await step(7)

    with temporary_settings({"api_key": "sgk_wrong_wrong"}):
        assert await f() == 7
    assert "401" in caplog.text
    close_links(0.0)
    assert len(spools(segue_home)) == 1


# --- the way there ---


@asynccontextmanager
async def relay(port: int, cut_after: int) -> AsyncIterator[int]:
    """A way to a port that cuts each connection after so many bytes from there: of acknowledgements, mostly."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        ways = [asyncio.create_task(copy(reader, back, None)), asyncio.create_task(copy(there, writer, cut_after))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        writer.transport.abort()
        back.transport.abort()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, limit: int | None) -> None:
    with suppress(ConnectionError):
        while limit is None or limit > 0:
            data = await source.read(65536 if limit is None else limit)
            if not data:
                return
            target.write(data)
            await target.drain()
            limit = None if limit is None else limit - len(data)


async def test_batches_whose_acknowledgement_was_cut_off_are_stored_once(started: Server) -> None:
    @flow
    async def f() -> None:
        for number in range(2_000):
            await step(number)
            if number % 20 == 0:
                # Gives the batches a chance to be many.
                await asyncio.sleep(0)

    # Enough for the handshake, the welcome and one or two acknowledgements.
    async with relay(started.port, 800) as port:
        with temporary_settings({"api_url": f"http://127.0.0.1:{port}/api"}):
            await f()
            await asyncio.to_thread(close_links, 60.0)
    events = await started.events()
    assert finished(events, "task-run.completed") == 2_000
    assert [e.payload["result"] for e in events if e.kind == "task-run.completed"] == list(range(2_000))


# --- what is asked of runs ---


async def test_a_far_flow_stops_when_the_server_is_asked_to_stop_it(started: Server) -> None:
    begun = asyncio.Event()

    @flow
    async def f() -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(f())
    await begun.wait()
    async with AsyncClient(started.url) as client:
        run = await appeared(client)
        await client.cancel(run, "enough")
        with pytest.raises(CancelledRun, match="enough"):
            await running
        assert (await client.flow_run(run)).state.type == "CANCELLED"


async def appeared(client: AsyncClient) -> str:
    """Wait until a flow run is known to the server; return its id."""
    async for batch in client.stream(after="start"):
        for event in batch:
            if event.kind == "flow-run.running":
                return event.run
    raise AssertionError


async def test_a_request_made_while_the_flow_was_cut_off_reaches_it_later(started: Server) -> None:
    begun = asyncio.Event()

    @flow
    async def f() -> None:
        begun.set()
        await asyncio.Event().wait()

    running = asyncio.create_task(f())
    await begun.wait()
    async with AsyncClient(started.url) as client:
        run = await appeared(client)
    started.end()
    async with SqliteJournal(started.home / "segue.db", projections=projections()) as journal:
        await journal.append([Event(kind="flow-run.cancel-requested", run=run, subject=run, payload={"by": "ann"})])
    await asyncio.to_thread(started.start)
    with pytest.raises(CancelledRun, match="by ann"):
        await running


LOCAL = """
from segue import flow
import threading

@flow
def f():
    print("ready", flush=True)
    threading.Event().wait()

f()
"""


async def test_a_flow_of_this_machine_stops_when_the_server_of_its_journal_is_asked(started: Server) -> None:
    environment = {**os.environ, "SEGUE_HOME": str(started.home)}
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-c", LOCAL, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert engine.stdout is not None
    await engine.stdout.readline()
    async with AsyncClient(started.url) as client:
        run = await appeared(client)
        await client.cancel(run)
        _, errors = await engine.communicate()
        assert (await client.flow_run(run)).state.type == "CANCELLED"
    assert engine.returncode == 1
    assert b"CancelledRun: Cancelled by" in errors
