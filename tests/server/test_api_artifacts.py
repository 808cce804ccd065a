"""Artifacts over HTTP."""

from tests.server.conftest import Server

from segue.artifact_events import artifact_told
from segue.records.artifacts import Artifact
from segue_events import new_id


async def record(server: Server, *artifacts: Artifact) -> None:
    server.wiring.bus.publish_many([artifact_told(one) for one in artifacts])
    await server.wiring.bus.flushed()


def markdown(key: str, text: str) -> Artifact:
    return Artifact(id=new_id(), type="markdown", key=key, data=text, created=1, updated=1)


async def test_the_latest_of_each_key_and_the_history_of_one(server: Server) -> None:
    await record(server, markdown("rmse", "# 1"), markdown("rmse", "# 2"), markdown("mae", "# 3"))

    latest = await server.get("/artifacts", latest=True)
    history = await server.get("/artifacts", key="rmse")

    assert [(one["key"], one["data"]) for one in latest["items"]] == [("mae", "# 3"), ("rmse", "# 2")]
    assert [one["data"] for one in history["items"]] == ["# 2", "# 1"]
    assert (await server.get("/artifacts/rmse"))["data"] == "# 2"


async def test_pages_follow_one_another(server: Server) -> None:
    await record(server, *(markdown("k", str(number)) for number in range(3)))

    first = await server.get("/artifacts", limit=2)
    second = await server.get("/artifacts", limit=2, cursor=first["next"])

    assert [one["data"] for one in first["items"] + second["items"]] == ["2", "1", "0"]
    assert second["next"] is None


async def test_one_that_is_deleted_is_shown_no_more(server: Server) -> None:
    await record(server, markdown("k", "#"))

    answer = await server.client.delete("/api/artifacts/k")

    assert answer.status_code == 204
    gone = await server.client.get("/api/artifacts/k")
    assert gone.status_code == 404
    assert "'k'" in gone.json()["detail"]


async def test_artifacts_of_a_run_that_is_not_there_are_a_problem(server: Server) -> None:
    answer = await server.client.get("/api/artifacts", params={"flow_run": "no-such-run"})

    assert answer.status_code == 404
