"""The API of one flow run: its states with reasons, its graph, its logs; and what is asked of it."""

from segue import states
from segue.api import types

from .conftest import Server, structs


async def test_states_tell_why(server: Server) -> None:
    run = await server.flow_run(
        states.Running(occurred=20),
        states.AwaitingRetry(message="in 5 s", scheduled_time=states.instant(5_000_000), occurred=30),
        states.Failed(data=ValueError("no rows"), occurred=40),
    )
    task = await server.task_run(run.id, states.Crashed(message="killed", occurred=50))

    flow_states = structs(types.Page[types.StateChange], await server.get(f"/flow-runs/{run.id}/states"))
    task_states = structs(types.Page[types.StateChange], await server.get(f"/task-runs/{task.id}/states"))

    assert [(state.name, state.reason) for state in flow_states.items] == [
        ("Pending", ""),
        ("Running", ""),
        ("AwaitingRetry", "in 5 s"),
        ("Failed", "ValueError: no rows"),
    ]
    assert flow_states.items[2].due == "1970-01-01T00:00:05.000000Z"
    assert [state.reason for state in task_states.items] == ["", "killed"]


async def test_a_graph_shows_tasks_subflows_and_how_they_depend(server: Server) -> None:
    run = await server.flow_run()
    first = await server.task_run(run.id, states.Completed(data=1, occurred=30))
    tries = (states.Running(occurred=30), states.AwaitingRetry(occurred=40), states.Retrying(occurred=50))
    second = await server.task_run(run.id, *tries, upstream=(first.id,))
    child = await server.flow_run(parent_id=second.id, root_id=run.id, flow_name="sub")
    await server.flow_run(parent_id=child.id, root_id=run.id)

    graph = structs(types.Graph, await server.get(f"/flow-runs/{run.id}/graph"))

    assert [(node.kind, node.id) for node in graph.nodes] == [
        ("task-run", first.id),
        ("task-run", second.id),
        ("flow-run", child.id),
    ]
    assert [(edge.source, edge.target, edge.kind) for edge in graph.edges] == [
        (first.id, second.id, "upstream"),
        (second.id, child.id, "parent"),
    ]
    assert [(one.name, one.start[-7:-1], one.end and one.end[-7:-1]) for one in graph.nodes[1].stretches] == [
        ("Pending", "000020", "000030"),
        ("Running", "000030", "000040"),
        ("AwaitingRetry", "000040", "000050"),
        ("Retrying", "000050", None),
    ]


async def test_task_runs_and_events_of_a_run_are_its_own(server: Server) -> None:
    run, other = await server.flow_run(), await server.flow_run()
    task = await server.task_run(run.id)
    await server.task_run(other.id)

    tasks = await server.get(f"/flow-runs/{run.id}/task-runs")
    events = await server.get(f"/flow-runs/{run.id}/events", order="desc")

    assert [one["id"] for one in tasks["items"]] == [task.id]
    assert [event["kind"] for event in events["items"]] == ["task-run.pending", "flow-run.pending"]


async def test_log_lines_are_followed_by_the_seq_of_the_last_one(server: Server) -> None:
    run = await server.flow_run()
    task = await server.task_run(run.id)
    await server.log(run, "one", "two")
    await server.log(task, "three", level=30)
    path = f"/flow-runs/{run.id}/logs"

    first = structs(types.Page[types.LogLineBody], await server.get(path, limit=2))
    rest = await server.get(path, after=first.items[-1].seq)
    newest = await server.get(path, order="desc", limit=1)
    found = await server.get(path, search="TW")
    of_task = await server.get(path, task_run=task.id)
    own = await server.get(path, task_run="none", level="info")

    assert [line.message for line in first.items] == ["one", "two"]
    assert [line["message"] for line in rest["items"]] == ["three"]
    assert [line["message"] for line in newest["items"]] == ["three"]
    assert [line["message"] for line in found["items"]] == ["two"]
    assert [line["message"] for line in of_task["items"]] == ["three"]
    assert [line["message"] for line in own["items"]] == ["one", "two"]


async def test_a_log_is_downloaded_whole(server: Server) -> None:
    run = await server.flow_run()
    task = await server.task_run(run.id, name="fetch-7")
    await server.log(run, *[f"line {number}" for number in range(1500)])
    await server.log(task, "last")

    answer = await server.client.get(f"/api/flow-runs/{run.id}/logs?download=1")

    lines = answer.text.splitlines()
    assert (len(lines), lines[0]) == (1501, "1970-01-01T00:00:00.000030Z | INFO     | brave-otter - line 0")
    assert lines[-1].endswith("| fetch-7 - last")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert run.id in answer.headers["content-disposition"]


async def test_the_log_of_a_task_run_that_is_not_there_is_a_404_also_as_a_file(server: Server) -> None:
    run = await server.flow_run()

    answer = await server.client.get(f"/api/flow-runs/{run.id}/logs?download=1&task_run=nobody")

    assert answer.status_code == 404


async def test_a_task_run_is_found_by_the_beginning_of_its_id_but_not_by_name(server: Server) -> None:
    run = await server.flow_run()
    task = await server.task_run(run.id, states.Completed(data=[1], occurred=30))

    body = structs(types.TaskRunBody, await server.get(f"/task-runs/{task.id[:-2]}"))
    by_name = await server.client.get("/api/task-runs/fetch-0")

    assert (body.id, body.result, body.flow_run_id) == (task.id, [1], run.id)
    assert by_name.status_code == 404


# --- what is asked ---


async def test_to_cancel_is_written_down_with_who_and_why(server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))

    answer = await server.client.post(f"/api/flow-runs/{run.id}/cancel", json={"reason": "wrong day"})

    taken = structs(types.RequestTaken, answer.json())
    (event,) = (await server.get("/events", kinds="flow-run.cancel-requested"))["items"]
    assert (answer.status_code, taken.seq, taken.event_id) == (202, event["seq"], event["id"])
    assert (event["run"], event["payload"]) == (run.id, {"by": "anybody", "reason": "wrong day"})


async def test_what_has_ended_cannot_be_cancelled(server: Server) -> None:
    run = await server.flow_run(states.Completed(data=None, occurred=20))

    answer = await server.client.post(f"/api/flow-runs/{run.id}/cancel")

    assert answer.status_code == 409
    assert "brave-otter" in answer.json()["detail"]


async def test_a_deleted_run_is_in_no_list(server: Server) -> None:
    run = await server.flow_run()
    await server.task_run(run.id)

    answer = await server.client.delete(f"/api/flow-runs/{run.id}")

    assert answer.status_code == 204
    assert (await server.client.get(f"/api/flow-runs/{run.id}")).status_code == 404
    assert (await server.get("/flow-runs"))["items"] == []
    assert (await server.get("/task-runs"))["items"] == []


async def test_many_are_asked_at_once_and_each_has_its_answer(server: Server) -> None:
    running = await server.flow_run(states.Running(occurred=20))
    done = await server.flow_run(states.Completed(data=None, occurred=20))
    wanted = {"action": "cancel", "ids": [running.id, done.id, "nobody"]}

    answer = structs(types.BulkAnswer, (await server.client.post("/api/flow-runs/bulk", json=wanted)).json())

    assert [outcome.status for outcome in answer.outcomes] == [202, 409, 404]
    assert len((await server.get("/events", kinds="*.cancel-requested"))["items"]) == 1


async def test_a_request_repeated_under_its_key_is_done_once(server: Server) -> None:
    run = await server.flow_run(states.Running(occurred=20))
    path, key = f"/api/flow-runs/{run.id}/cancel", {"Idempotency-Key": "k1"}

    first = await server.client.post(path, json={"reason": "x"}, headers=key)
    second = await server.client.post(path, json={"reason": "x"}, headers=key)
    other = await server.client.post(path, json={"reason": "y"}, headers=key)

    assert (second.status_code, second.json()) == (first.status_code, first.json())
    assert other.status_code == 409
    assert len((await server.get("/events", kinds="*.cancel-requested"))["items"]) == 1
