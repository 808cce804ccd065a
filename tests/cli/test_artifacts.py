"""segue artifact: what runs have left, listed, shown and deleted, in this machine's journal and at a server alike."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from segue.artifact_events import artifact_told
from segue.cli.main import main
from segue.records.artifacts import Artifact, ArtifactType
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock, new_id

from ..server.conftest import Server, serving
from .conftest import Done

Segue = Callable[..., Awaitable[Done]]


@pytest.fixture
async def server(home: Path) -> AsyncIterator[Server]:
    """A server, whose journal a command reads as this machine's where it knows of no server."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    async with wired(loaded, SystemClock()) as wiring, serving(wiring) as running:
        yield running


@pytest.fixture(params=["near", "far"])
def segue(
    request: pytest.FixtureRequest,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Segue:
    """`segue …` of the machine with the journal, and of one that knows the server only."""
    if request.param == "far":
        monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "elsewhere"))
        monkeypatch.setenv("SEGUE_API_URL", f"{server.url}/api")

    async def call(*arguments: str) -> Done:
        code = await asyncio.to_thread(main, arguments)
        return Done(code, *capsys.readouterr())

    return call


async def leave(server: Server, data: Any, key: str = "", kind: ArtifactType = "markdown", **more: Any) -> Artifact:
    """Record that an artifact was left."""
    now = server.wiring.clock.now_us()
    one = Artifact(id=new_id(), type=kind, data=data, key=key, created=now, updated=now, **more)
    await server.record(artifact_told(one))
    return one


async def parsed(done: Awaitable[Done]) -> Any:
    code, out, err = await done
    assert (code, err) == (0, "")
    return json.loads(out)


async def ids(done: Awaitable[Done]) -> list[str]:
    return [one["id"] for one in await parsed(done)]


async def test_the_latest_of_each_key_is_listed_and_all_where_all_are_asked_for(server: Server, segue: Segue) -> None:
    run = await server.flow_run()
    first = await leave(server, "# 1", "report", flow_run_id=run.id)
    second = await leave(server, "# 2", "report")
    nameless = await leave(server, 30.0, kind="progress", flow_run_id=run.id)

    _, out, _ = await segue("artifact", "ls")

    assert out.splitlines()[0].split() == ["ID", "KEY", "TYPE", "UPDATED"]
    assert out.splitlines()[1].split()[:3] == [second.id, "report", "markdown"]
    assert "The latest of each key" in out
    assert await ids(segue("artifact", "ls", "-o", "json")) == [second.id]
    assert await ids(segue("artifact", "ls", "--all", "-o", "json")) == [nameless.id, second.id, first.id]
    assert await ids(segue("artifact", "ls", "--flow-run", run.name, "-o", "json")) == [nameless.id, first.id]
    assert await ids(segue("artifact", "ls", "-a", "--type", "progress", "-o", "json")) == [nameless.id]
    assert await ids(segue("artifact", "ls", "-a", "-l", "2", "-o", "json")) == [nameless.id, second.id]


async def test_inspecting_a_key_tells_its_history(server: Server, segue: Segue) -> None:
    await leave(server, "# 1", "report")
    second = await leave(server, "# 2", "report", description="how far off")

    newer, older = await parsed(segue("artifact", "inspect", "report", "-o", "json"))

    assert (newer["data"], older["data"]) == ("# 2", "# 1")
    assert newer.keys() >= {"id", "created", "updated", "key", "type", "description", "flow_run_id", "task_run_id"}
    assert (newer["description"], newer["key"], newer["flow_run_id"]) == ("how far off", "report", None)
    assert await ids(segue("artifact", "inspect", second.id, "-o", "json")) == [second.id]


async def test_people_see_what_was_left_and_no_more_of_a_table_than_fits(server: Server, segue: Segue) -> None:
    await leave(server, "# \x1b[31mRMSE", "report")
    await leave(server, [{"a": number, "b": None} for number in range(10_000)], "rows", "table")
    await leave(server, [[1, 2], [3]], "lists", "table")
    await leave(server, 41.5, "how-far", "progress")

    assert "# ␛[31mRMSE" in (await segue("artifact", "inspect", "report")).out
    shown = (await segue("artifact", "inspect", "rows")).out
    assert len(shown.splitlines()) < 50
    assert "The first 30 of 10,000 rows" in shown
    assert (await segue("artifact", "inspect", "lists")).out.splitlines()[-2].split() == ["1", "2"]
    assert (await segue("artifact", "inspect", "how-far")).out.splitlines()[-1] == "41.5 %"


async def test_a_key_is_deleted_with_its_history_and_an_id_alone(server: Server, segue: Segue) -> None:
    for number in range(3):
        await leave(server, f"# {number}", "report")
    other = await leave(server, "# other", "other")
    older = await leave(server, "# older", "another")
    await leave(server, "# newer", "another")

    assert (await segue("artifact", "delete", "report")).out == "Deleted 3 artifacts of the key 'report'.\n"
    assert (await segue("artifact", "delete", "--id", older.id)).out == f"Deleted artifact {older.id}.\n"

    left = await parsed(segue("artifact", "ls", "--all", "-o", "json"))
    assert [one["data"] for one in left] == ["# newer", "# other"]
    assert (await segue("artifact", "inspect", other.id)).code == 0


async def test_what_is_not_there_is_said_with_what_to_do(server: Server, segue: Segue) -> None:
    for command in (("inspect", "report"), ("delete", "report"), ("delete", "--id", new_id())):
        code, _, err = await segue("artifact", *command)
        assert code == 3
        assert "`segue artifact ls` lists them." in err
    assert (await segue("artifact", "delete")).code == 2
    assert (await segue("artifact", "delete", "report", "--id", "x")).code == 2
    assert (await segue("artifact", "ls")).out.startswith("No artifacts with a key")


def test_before_the_first_run_there_is_nothing_to_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not home.exists()
    assert main(("artifact", "ls", "-o", "json")) == 0
    assert json.loads(capsys.readouterr().out) == []
