"""The commands that read, where SEGUE_API_URL names a server: they show what that has recorded."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from segue import run_events, states
from segue.cli.main import main
from segue.records.work import Deployment
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock

from ..server.conftest import Server, serving
from .conftest import Done


@pytest.fixture
async def server(home: Path) -> AsyncIterator[Server]:
    """A server on a database that the commands do not know of."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    async with wired(loaded, SystemClock()) as wiring, serving(wiring) as running:
        yield running


Far = Callable[..., Awaitable[Done]]


@pytest.fixture
def segue(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Far:
    """`segue …` of a machine that knows the server only."""
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("SEGUE_API_URL", f"{server.url}/api")

    async def call(*arguments: str) -> Done:
        code = await asyncio.to_thread(main, arguments)
        return Done(code, *capsys.readouterr())

    return call


async def parsed(done: Awaitable[Done]) -> Any:
    code, out, err = await done
    assert (code, err) == (0, "")
    return json.loads(out)


async def test_lists_are_the_servers(server: Server, segue: Far) -> None:
    failed = await server.flow_run(states.Running(occurred=20), states.Failed(message="no", occurred=30), name="bad")
    await server.flow_run(states.Running(occurred=20), created=40, name="late")
    task = await server.task_run(failed.id, states.Completed(data=1, occurred=25))
    await server.task_run(failed.id, states.Running(occurred=25), task_name="load", name="load-0")

    every, bad = segue("flow-run", "ls", "-o", "json"), segue("flow-run", "ls", "--state", "failed", "-o", "json")

    assert [run["name"] for run in await parsed(every)] == ["late", "bad"]
    assert [run["id"] for run in await parsed(bad)] == [failed.id]
    assert [run["id"] for run in await parsed(segue("task-run", "ls", "--task-name", "fetch", "-o", "json"))] == [
        task.id
    ]
    assert server.wiring.loaded.settings.home != load_settings().settings.home


async def test_a_list_is_as_long_as_asked_for_however_short_the_servers_pages_are(server: Server, segue: Far) -> None:
    for number in range(203):
        await server.flow_run(name=f"run-{number}", created=number)

    assert len(await parsed(segue("flow-run", "ls", "--limit", "202", "-o", "json"))) == 202


async def test_inspecting_tells_what_it_tells_here(server: Server, segue: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    run = await server.flow_run(
        states.Running(occurred=20), states.Completed(data={"a": 1}, occurred=30), parameters={"n": 2}, tags=("x",)
    )
    task = await server.task_run(run.id, states.Running(occurred=22), states.Completed(data=1, occurred=25), scope="s")
    commands = [("flow-run", "inspect", run.id[:-3]), ("task-run", "inspect", task.name)]
    far = [await parsed(segue(*command, "-o", "json")) for command in commands]

    monkeypatch.setenv("SEGUE_API_URL", "")
    monkeypatch.setenv("SEGUE_HOME", str(server.wiring.loaded.settings.home))

    assert far == [await parsed(segue(*command, "-o", "json")) for command in commands]
    assert (far[0]["result"], far[0]["task_run_counts"]) == ({"a": 1}, {"COMPLETED": 1})
    assert [state["name"] for state in far[0]["states"]] == ["Pending", "Running", "Completed"]
    assert far[1]["step_key"] == task.step_key


async def test_logs_are_read_and_followed_until_the_run_ends(server: Server, segue: Far) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    await server.log(run, "one", "two", level=30)
    following = asyncio.create_task(segue("flow-run", "logs", run.name, "--follow"))
    await server.wiring.streams.wait_open(1)
    await server.log(run, "three")
    run.enter(states.Completed(occurred=90))
    await server.record(run_events.flow_run_state(run, run.state))

    done = await following

    assert done.code == 0
    assert [line.rpartition(" - ")[2] for line in done.out.splitlines()] == ["one", "two", "three"]


async def test_a_run_is_watched_until_it_ends_and_its_process_may_be_anywhere(server: Server, segue: Far) -> None:
    run = await server.flow_run(states.Running(occurred=20), pid=2**22 - 1)
    watching = asyncio.create_task(segue("flow-run", "watch", run.id))
    await server.wiring.streams.wait_open(1)
    run.enter(states.Failed(message="no luck", occurred=90))
    await server.record(run_events.flow_run_state(run, run.state))

    done = await watching

    assert done.code == 1
    assert "failed" in done.out
    assert "no luck" in done.out


async def test_events_are_streamed_from_a_place_on(server: Server, segue: Far) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    first = await segue("events", "stream", "--from", "start", "--limit", "1", "-o", "json")
    cursor = json.loads(first.out)["cursor"]

    rest = await segue("events", "stream", "--from", cursor, "--no-follow", "-o", "json", "--run", run.name)

    assert [json.loads(line)["kind"] for line in rest.out.splitlines()] == ["flow-run.running"]


async def test_a_run_is_asked_to_stop_and_an_ended_one_is_not(server: Server, segue: Far) -> None:
    running = await server.flow_run(states.Running(occurred=20), name="going")
    await server.flow_run(states.Completed(data=1, occurred=30), name="gone")

    asked = await segue("flow-run", "cancel", "going", "--reason", "too slow")
    ended = await segue("flow-run", "cancel", "gone")

    last = (await server.get(f"/flow-runs/{running.id}/events", order="desc", limit=1))["items"][0]
    assert (asked.code, last["kind"], last["payload"]["reason"]) == (0, "flow-run.cancel-requested", "too slow")
    assert ended.code == 1
    assert ended.err == "Error: Flow run 'gone' is Completed already; there is nothing left to cancel.\n"


async def test_a_deleted_run_is_gone(server: Server, segue: Far) -> None:
    run = await server.flow_run(states.Completed(data=1, occurred=30))

    assert (await segue("flow-run", "delete", run.id)).code == 0
    assert await parsed(segue("flow-run", "ls", "-o", "json")) == []


@pytest.mark.parametrize("command", ["flow-run inspect nobody", "task-run inspect nobody", "flow-run cancel nobody"])
async def test_what_the_server_does_not_know_is_a_sentence_of_it(server: Server, segue: Far, command: str) -> None:
    done = await segue(*command.split())

    assert done.code == 3
    assert "There is no run 'nobody'." in done.err


async def test_a_server_that_is_away_is_said_to_be(segue: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGUE_API_URL", "http://127.0.0.1:9/api")

    done = await segue("flow-run", "ls")

    assert done.code == 5
    assert "The server at http://127.0.0.1:9/api does not answer" in done.err


async def test_deployments_pools_and_limits_are_the_servers(server: Server, segue: Far) -> None:
    work = server.wiring.work
    assert (await segue("work-pool", "create", "my-pool")).code == 0
    saved = await work.save_deployment(
        Deployment(id="", name="daily run", flow_name="etl", entrypoint="etl.py:etl", pool="my-pool")
    )
    asked = await segue("deployment", "run", "ETL/daily_run", "--name", "first")
    waiting = await parsed(segue("flow-run", "inspect", "first", "-o", "json"))
    listed = await parsed(segue("flow-run", "ls", "--deployment", "daily run", "-o", "json"))
    unknown = await segue("deployment", "run", "weekly")
    await segue("flow-run", "cancel", "first")
    retried = await segue("flow-run", "retry", "first")
    limited = await segue("global-concurrency-limit", "create", "db", "--limit", "2")

    assert [asked.code, retried.code, limited.code] == [0, 0, 0]
    assert (listed[0]["name"], waiting["waiting_for"]) == ("first", asked.out.splitlines()[-1])
    assert (unknown.code, unknown.err.startswith("Error: There is no deployment 'weekly'.")) == (1, True)
    assert (await work.deployment("daily-run")).id == saved.id
    assert [limit.slots for limit in await work.limits()] == [2]
