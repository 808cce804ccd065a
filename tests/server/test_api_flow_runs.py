"""The API of flow runs: listed, filtered, paged, and told of one by one."""

from segue import states
from segue.api import types

from .conftest import Server, structs


async def test_a_flow_run_is_told_with_all_that_is_known(server: Server) -> None:
    run = await server.flow_run(
        states.Running(occurred=20),
        states.Completed(data={"rows": 3}, occurred=1_000_020),
        parameters={"n": 1},
        tags=("a",),
    )
    await server.task_run(run.id, states.Running(occurred=30))

    body = structs(types.FlowRunBody, await server.get(f"/flow-runs/{run.id}"))

    assert (body.state.type, body.state.timestamp) == ("COMPLETED", "1970-01-01T00:00:01.000020Z")
    assert (body.parameters, body.tags, body.result, body.has_result) == ({"n": 1}, ("a",), {"rows": 3}, True)
    assert (body.duration, body.task_counts) == (1.0, {"RUNNING": 1})


async def test_pages_follow_one_another(server: Server) -> None:
    made = [(await server.flow_run(created=n)).id for n in range(1, 6)]

    first = await server.get("/flow-runs", limit=3)
    second = await server.get("/flow-runs", limit=3, cursor=first["next"])

    assert [run["id"] for page in (first, second) for run in page["items"]] == made[::-1]
    assert second["next"] is None


async def test_an_unknown_parameter_and_a_bad_value_are_named(server: Server) -> None:
    answer = await server.client.get("/api/flow-runs", params={"limit": "900", "tpye": "FAILED"})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["path"] for error in answer.json()["errors"]] == ["query.limit", "query.tpye"]


async def test_a_run_that_is_not_there_is_a_404(server: Server) -> None:
    answer = await server.client.get("/api/flow-runs/nobody")

    assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")


async def test_a_client_that_has_the_answer_is_told_so_until_something_happens(server: Server) -> None:
    run = await server.flow_run()
    tag = (await server.client.get(f"/api/flow-runs/{run.id}")).headers["etag"]
    known = {"If-None-Match": tag}

    await server.flow_run()
    unchanged = await server.client.get(f"/api/flow-runs/{run.id}", headers=known)
    await server.task_run(run.id)
    changed = await server.client.get(f"/api/flow-runs/{run.id}", headers=known)

    assert (unchanged.status_code, changed.status_code) == (304, 200)
