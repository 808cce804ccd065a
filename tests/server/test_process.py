"""The server's process: started, found, held to one per database, and stopped, as a shell does it."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import anyio
import httpx2
import pytest
from websockets.asyncio.client import connect

from segue import run_events, states
from segue.client import AsyncClient
from segue.records import FlowRun
from segue.server.keys import KeysFile
from segue.server.lock import Holder, ServerLock, ServerRuns, holder_of, stop_holder
from segue.tables import projections
from segue_events import Event, Filter, SqliteJournal, SystemClock, new_id
from segue_notifiers.testing import Receiver

CLOCK = SystemClock()


class Done(NamedTuple):
    code: int
    out: str
    err: str


def segue(*arguments: str, **environ: str) -> Done:
    """`segue …` in a process of its own."""
    command = [sys.executable, "-m", "segue", *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=50, env={**os.environ, **environ}
    )
    return Done(done.returncode, done.stdout, done.stderr)


def start(**environ: str) -> Holder:
    """Start a server in the background on any free port; return who it is."""
    done = segue("server", "start", "--background", "--port", "0", "--no-ui", **environ)
    assert done.code == 0, done.err
    holder = holder_of(database())
    assert holder is not None
    return holder


def database() -> Path:
    return Path(os.environ["SEGUE_HOME"]) / "segue.db"


def stop(holder: Holder) -> None:
    assert stop_holder(database(), holder, CLOCK, 20)


@pytest.fixture
def running() -> Iterator[Holder]:
    """A server in the background."""
    holder = start()
    yield holder
    stop(holder)


# --- the lock ---


def test_a_database_has_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "segue.db"
    me = Holder(pid=1, started=2, version="3", url="http://127.0.0.1:4")
    with ServerLock(path, CLOCK) as lock:
        lock.tell(me)
        with pytest.raises(ServerRuns, match=r"process 1 at http://127\.0\.0\.1:4\. `segue server stop`"):
            ServerLock(path, CLOCK).__enter__()
        assert holder_of(path) == me

    assert holder_of(path) is None
    with ServerLock(path, CLOCK):
        assert holder_of(path) is None, "what the last holder has told is no longer so"


# --- start, status, stop ---


def test_a_server_is_started_found_and_stopped() -> None:
    before = segue("server", "status")
    started = segue("server", "start", "--background", "--port", "0")
    status = json.loads(segue("server", "status", "--wait", "-o", "json").out)
    stopped = segue("server", "stop")
    after = segue("server", "stop")

    assert (before.code, started.code, stopped.code, after.code) == (5, 0, 0, 3)
    assert "`segue server start` starts one" in before.err
    assert f"Server    {status['url'].removesuffix('/api')}\n" in started.out
    assert (status["ready"], status["reason"]) == (True, None)
    assert stopped.out == f"The server of {database()} has ended.\n"


def test_in_the_foreground_it_says_where_it_is_and_ends_with_a_signal() -> None:
    command = [sys.executable, "-m", "segue", "server", "start", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[1]
        answer = httpx2.get(f"{url}/ready")
        process.send_signal(signal.SIGINT)
        code = process.wait(20)

    assert (answer.status_code, code) == (200, 0)


def test_a_second_server_says_who_the_first_is(running: Holder) -> None:
    done = segue("server", "start", "--port", "0")

    assert done.code == 78
    assert done.err == (
        f"Error: A server of {database()} runs already. It is process {running.pid} at {running.url}."
        " `segue server stop` stops it.\n"
    )


def test_of_many_that_start_at_once_one_does() -> None:
    with ThreadPoolExecutor(4) as pool:
        codes = [
            done.code for done in pool.map(lambda _: segue("server", "start", "--background", "--port", "0"), range(4))
        ]
    holder = holder_of(database())
    assert holder is not None
    stop(holder)

    assert sorted(codes) == [0, 78, 78, 78]


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = segue("server", "start", "--background", "--port", str(port))

    assert done.code == 78
    assert f"cannot listen at 127.0.0.1, port {port}: Address already in use" in done.err


def test_a_database_that_cannot_be_used_is_named_when_it_is_to_start_in_the_background() -> None:
    database().parent.mkdir(parents=True)
    database().write_bytes(b"no database" * 1000)

    done = segue("server", "start", "--background", "--port", "0")

    assert (done.code, str(database()) in done.err) == (78, True)
    assert holder_of(database()) is None


def test_a_server_that_was_killed_leaves_nothing_in_the_way() -> None:
    first = start()
    os.kill(first.pid, signal.SIGKILL)
    stop(first)

    second = start()
    stop(second)

    assert second.pid != first.pid


# --- beyond this machine ---


@pytest.mark.parametrize(
    ("environ", "reason"),
    [({}, "`segue api-key create NAME` makes one"), ({"SEGUE_SERVER_AUTH": "off"}, "lets everybody in")],
)
def test_it_does_not_start_beyond_this_machine_without_authentication(environ: dict[str, str], reason: str) -> None:
    done = segue("server", "start", "--background", "--port", "0", "--host", "0.0.0.0", **environ)

    assert (done.code, reason in done.err) == (78, True)
    assert holder_of(database()) is None


def test_beyond_this_machine_it_asks_for_keys_and_knows_its_names() -> None:
    key = segue("api-key", "create", "ops", "--scope", "read").out.strip()
    done = segue("server", "start", "--background", "--port", "0", "--host", "0.0.0.0",
                 SEGUE_SERVER_HOSTS="segue.example.org")  # fmt: skip
    holder = holder_of(database())
    assert holder is not None, done.err
    shown = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=holder.url) as client:
        answers = [
            client.get("/api/me"),
            client.get("/api/me", headers=shown),
            client.get("/api/me", headers={**shown, "Host": "segue.example.org"}),
            client.get("/api/me", headers={**shown, "Host": "evil.example.org"}),
        ]
    stop(holder)

    assert [answer.status_code for answer in answers] == [401, 200, 200, 403]


# --- what lives with it ---


async def record_a_run() -> FlowRun:
    """Record a run as a flow of this machine does: into the file, without the server."""
    run = FlowRun(id=new_id(), name="brave-otter", flow_name="etl", created=10)
    run.enter(states.Pending(occurred=10))
    from_elsewhere = SqliteJournal(database(), projections=projections())
    async with from_elsewhere as journal:
        await journal.append([run_events.flow_run_pending(run)])
    return run


async def test_it_shows_what_flows_of_this_machine_record(running: Holder) -> None:
    run = await record_a_run()

    async with httpx2.AsyncClient(base_url=running.url) as client:
        found = (await client.get(f"/api/flow-runs/{run.id}")).json()

    assert found["name"] == "brave-otter"


@pytest.fixture
async def closed() -> AsyncIterator[tuple[Holder, dict[str, str]]]:
    """A server that asks for keys, and one of them."""
    database().parent.mkdir(parents=True)
    key = KeysFile(database()).create("ops", "read", CLOCK.now_us(), None)
    holder = await anyio.to_thread.run_sync(start)
    yield holder, {"Authorization": f"Bearer {key}"}
    await anyio.to_thread.run_sync(stop, holder)


async def test_who_is_connected_with_a_key_that_is_revoked_is_disconnected(
    closed: tuple[Holder, dict[str, str]],
) -> None:
    holder, shown = closed
    url = holder.url.replace("http", "ws") + "/api/events/stream"
    async with connect(url, additional_headers=shown, proxy=None) as stream:
        await stream.send('{"type": "hello", "version": 1}')
        KeysFile(database()).revoke("ops")
        with anyio.fail_after(20):
            await stream.wait_closed()

    assert stream.close_code == 4401


async def test_when_a_key_was_last_used_is_written_down_at_the_latest_at_the_end(
    closed: tuple[Holder, dict[str, str]],
) -> None:
    holder, shown = closed
    async with httpx2.AsyncClient(base_url=holder.url, headers=shown) as client:
        await client.get("/api/me")
    await anyio.to_thread.run_sync(stop_holder, database(), holder, CLOCK, 20.0)

    [key] = KeysFile(database()).keys
    assert key.last_used is not None


DESERTED = """
import threading
from segue import flow, task
from segue.host import current_host
from segue.runtime import flow_run, task_run
from segue.settings import get_current_settings

@task
def wait():
    current_host(get_current_settings()).bus.flush().result()
    print(flow_run.id, task_run.id, flush=True)
    threading.Event().wait()

@flow
def nightly():
    wait()

nightly()
"""


async def test_a_flow_whose_process_is_killed_has_crashed_and_the_reason_is_told(running: Holder) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DESERTED, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    flow_run, task_run = (await process.stdout.readline()).decode().split()
    process.kill()
    await process.communicate()

    crashed: dict[str, str] = {}
    async with AsyncClient(f"{running.url}/api") as client:
        with anyio.fail_after(30):
            async with aclosing(client.stream(Filter(kinds=("*.crashed",)), "start")) as batches:
                async for events in batches:
                    crashed |= {event.subject: event.payload["message"] for event in events}
                    if flow_run in crashed:
                        break

    reason = f"Its process {process.pid} on {os.uname().nodename} is gone."
    assert crashed == {flow_run: reason, task_run: reason}


async def publish(url: str, *events: Event) -> int:
    """Commit events as an engine of another machine does; return the journal's head."""
    body = [
        {"id": event.id or new_id(), "kind": event.kind, "run": event.run, "subject": event.subject,
         "payload": event.payload}
        for event in events
    ]  # fmt: skip
    async with httpx2.AsyncClient(base_url=url) as client:
        answer = await client.post("/api/events/in", json={"events": body})
    assert answer.status_code == 200, answer.text
    return answer.json()["head"]


async def test_people_are_told_of_a_failure_that_only_the_server_has_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    run = FlowRun(id=new_id(), name="brave-otter", flow_name="etl", created=10)
    async with Receiver() as receiver:
        monkeypatch.setenv("SEGUE_NOTIFY_URLS", receiver.url(scheme="webhook+http"))
        monkeypatch.setenv("SEGUE_NOTIFY_ALLOW_NETWORKS", "127.0.0.0/8")
        holder = await anyio.to_thread.run_sync(start)
        await publish(holder.url, run_events.flow_run_pending(run), run_events.flow_run_state(run, states.Failed()))
        # Also of what is committed just before the end.
        await anyio.to_thread.run_sync(stop, holder)
        with anyio.fail_after(30):
            await receiver.received()

    assert "brave-otter" in receiver.requests[0].body.decode()


async def test_what_was_acknowledged_outlives_the_server_however_it_ends() -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        holder = await anyio.to_thread.run_sync(start)
        events = [Event(kind="a.b", payload={"n": n}) for n in range(500)]
        head = await publish(holder.url, *events)
        os.kill(holder.pid, number)
        await anyio.to_thread.run_sync(stop, holder)

        async with SqliteJournal(database(), read_only=True) as journal:
            kept = [event.payload["n"] for event in await journal.read(head - 500)]
        assert kept == list(range(500)), number


async def test_a_stream_is_told_where_to_go_on_when_the_server_stops(running: Holder) -> None:
    async with connect(running.url.replace("http", "ws") + "/api/events/stream", proxy=None) as stream:
        await stream.send('{"type": "hello", "version": 1, "after": "start"}')
        await stream.recv()
        os.kill(running.pid, signal.SIGTERM)
        with anyio.fail_after(20):
            await stream.wait_closed()

    assert stream.close_code == 1012


async def test_a_second_signal_ends_it_without_waiting_for_whoever_does_not_read(running: Holder) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", int(running.url.rpartition(":")[2]))
    # A request that is never whole.
    writer.write(b"POST /api/events/in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: 9\r\n\r\n{")
    await writer.drain()
    os.kill(running.pid, signal.SIGTERM)
    os.kill(running.pid, signal.SIGTERM)

    assert await anyio.to_thread.run_sync(stop_holder, database(), running, CLOCK, 20.0)
    writer.close()
