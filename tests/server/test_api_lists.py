"""The API's lists: filters, sorts, counts, buckets; of flow runs, task runs, flows, events and log lines."""

from typing import Any

import pytest

from segue import states
from segue.api import types
from segue.run_events import clean

from .conftest import Server, structs

SECOND = 1_000_000


async def three_runs(server: Server) -> None:
    """A run that completed, one that timed out, and one that still runs, a second apart."""
    done = states.Completed(data=None, occurred=9 * SECOND)
    late = states.Failed(name="TimedOut", message="after 2 s", occurred=4 * SECOND)
    first = await server.flow_run(
        states.Running(occurred=SECOND), done, name="calm-lynx", flow_name="report", tags=("nightly",), created=SECOND
    )
    await server.flow_run(states.Running(occurred=2 * SECOND), late, name="dull_mole", created=2 * SECOND)
    await server.flow_run(
        states.Running(occurred=3 * SECOND), name="keen-ibex", created=3 * SECOND, parent_id=first.id, root_id=first.id
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["keen-ibex", "dull_mole", "calm-lynx"]),
        ({"type": "FAILED"}, ["dull_mole"]),
        ({"type": ["FAILED", "RUNNING"]}, ["keen-ibex", "dull_mole"]),
        ({"state": "TimedOut"}, ["dull_mole"]),
        ({"state": "Completed"}, ["calm-lynx"]),
        ({"flow": "report"}, ["calm-lynx"]),
        ({"tag": "nightly"}, ["calm-lynx"]),
        ({"tag": "night"}, []),
        ({"name": "keen-ibex"}, ["keen-ibex"]),
        ({"search": "LYN"}, ["calm-lynx"]),
        ({"search": "repo"}, ["calm-lynx"]),
        ({"search": "m_l"}, []),
        ({"search": "l_"}, ["dull_mole"]),
        ({"parent": "none"}, ["dull_mole", "calm-lynx"]),
        ({"since": "1970-01-01T00:00:02Z", "until": "1970-01-01T01:00:03+01:00"}, ["dull_mole"]),
        ({"sort": "created"}, ["calm-lynx", "dull_mole", "keen-ibex"]),
        ({"sort": "-started"}, ["keen-ibex", "dull_mole", "calm-lynx"]),
        ({"sort": "-duration"}, ["calm-lynx", "dull_mole", "keen-ibex"]),
        ({"sort": "duration", "type": "FAILED", "search": "mole"}, ["dull_mole"]),
    ],
)
async def test_flow_runs_are_filtered_and_sorted(server: Server, query: dict[str, Any], names: list[str]) -> None:
    await three_runs(server)

    page = structs(types.Page[types.FlowRunItem], await server.get("/flow-runs", **query))

    assert [run.name for run in page.items] == names


@pytest.mark.parametrize("sort", ["created", "-created", "started", "-started", "duration", "-duration"])
async def test_pages_of_any_order_have_each_run_once(server: Server, sort: str) -> None:
    await three_runs(server)
    whole = [run["name"] for run in (await server.get("/flow-runs", sort=sort))["items"]]

    names: list[str] = []
    cursor: dict[str, str] = {}
    while len(names) < 4:
        page = await server.get("/flow-runs", sort=sort, limit=1, **cursor)
        names += [run["name"] for run in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}

    assert names == whole


@pytest.mark.parametrize(
    ("query", "counts"),
    [
        ({}, {"COMPLETED": 1, "FAILED": 1, "RUNNING": 1}),
        ({"since": "1970-01-01T00:00:02Z"}, {"FAILED": 1, "RUNNING": 1}),
        ({"flow": "report"}, {"COMPLETED": 1}),
        ({"parent": "none", "type": "FAILED"}, {"FAILED": 1}),
    ],
)
async def test_flow_runs_are_counted(server: Server, query: dict[str, Any], counts: dict[str, int]) -> None:
    await three_runs(server)

    counted = structs(types.Counts, await server.get("/flow-runs/count", **query))

    assert (counted.counts, counted.total) == (counts, sum(counts.values()))


@pytest.mark.parametrize("query", [{}, {"parent": "none"}])
async def test_a_history_counts_runs_in_the_bucket_they_were_created_in(server: Server, query: dict[str, Any]) -> None:
    await three_runs(server)
    span = {"since": "1970-01-01T00:00:01Z", "until": "1970-01-01T00:00:03Z", "buckets": 2}

    history = structs(types.History, await server.get("/flow-runs/history", **span, **query))

    assert [(bucket.start[17:19], bucket.end[17:19], bucket.counts) for bucket in history.buckets] == [
        ("01", "02", {"COMPLETED": 1}),
        ("02", "03", {"FAILED": 1}),
    ]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["load-0", "fetch-1", "fetch-0"]),
        ({"sort": "created"}, ["fetch-0", "fetch-1", "load-0"]),
        ({"type": "FAILED"}, ["fetch-1"]),
        ({"type": "RUNNING"}, ["load-0"]),
        ({"task": "load"}, ["load-0"]),
        ({"tag": "big"}, ["load-0"]),
        ({"search": "H-1"}, ["fetch-1"]),
        ({"name": "fetch-0", "type": "COMPLETED"}, ["fetch-0"]),
        ({"flow_run": "none"}, ["load-0"]),
        ({"flow_run": "calm-lynx"}, ["fetch-1", "fetch-0"]),
    ],
)
async def test_task_runs_are_filtered_and_sorted(server: Server, query: dict[str, Any], names: list[str]) -> None:
    run = await server.flow_run(name="calm-lynx")
    await server.task_run(run.id, states.Completed(data=1, occurred=40))
    await server.task_run(run.id, states.Failed(occurred=50), name="fetch-1")
    await server.task_run("", states.Running(occurred=60), name="load-0", task_name="load", tags=("big",))

    page = structs(types.Page[types.TaskRunItem], await server.get("/task-runs", **query))

    assert [task.name for task in page.items] == names


async def test_flows_are_told_by_their_runs(server: Server) -> None:
    await three_runs(server)
    now = server.wiring.clock.now_us()
    last = await server.flow_run(flow_name="team/etl é", created=now)

    page = structs(types.Page[types.FlowBody], await server.get("/flows"))
    one = structs(types.FlowBody, await server.get("/flows/team/etl é"))

    assert [flow.name for flow in page.items] == ["etl", "report", "team/etl é"]
    assert (page.items[0].counts, page.items[0].total) == ({"FAILED": 1, "RUNNING": 1}, 2)
    assert one.last_run is not None
    assert (one.last_run.id, one.runs_per_day) == (last.id, 1 / 7)


async def test_flows_are_paged_by_name(server: Server) -> None:
    await three_runs(server)

    first = await server.get("/flows", limit=1)
    second = await server.get("/flows", limit=1, cursor=first["next"])

    assert [flow["name"] for page in (first, second) for flow in page["items"]] == ["etl", "report"]
    assert second["next"] is None


async def test_events_are_read_from_both_ends(server: Server) -> None:
    await three_runs(server)

    first = await server.get("/events", kinds="*.running", limit=2)
    rest = await server.get("/events", kinds="*.running", limit=2, cursor=first["next"])
    last = structs(types.Page[types.EventBody], await server.get("/events", order="desc", limit=1))
    behind = await server.get("/events", after=first["items"][1]["cursor"], kinds=["flow-run.*", "!*.pending"])

    running = [event["seq"] for page in (first, rest) for event in page["items"]]
    assert running == [2, 5, 8]
    assert (last.items[0].seq, last.items[0].kind) == (8, "flow-run.running")
    assert [event["seq"] for event in behind["items"]] == [6, 8]


async def test_log_lines_of_all_runs_are_searched_from_the_newest(server: Server) -> None:
    run = await server.flow_run()
    task = await server.task_run(run.id)
    await server.log(run, "began", clean("100 % done"))
    await server.log(task, "100 of 200", level=40)

    found = structs(types.Page[types.LogLineBody], await server.get("/logs", search="100"))
    errors = await server.get("/logs", level="error")
    percent = await server.get("/logs", search="0 %")

    assert [line.message for line in found.items] == ["100 of 200", "100 % done"]
    assert [(line["task_run_id"], line["level_name"]) for line in errors["items"]] == [(task.id, "ERROR")]
    assert [line["message"] for line in percent["items"]] == ["100 % done"]


@pytest.mark.parametrize(
    ("path", "query", "field"),
    [
        ("/flow-runs", {"cursor": "abc"}, "query.cursor"),
        ("/flow-runs", {"cursor": f"{2**63}:x"}, "query.cursor"),
        ("/flow-runs", {"limit": "0"}, "query.limit"),
        ("/flow-runs", {"type": "LOST"}, "query.type[0]"),
        ("/flow-runs", {"type": ["FAILED", "failed"]}, "query.type[1]"),
        ("/flow-runs", {"since": "yesterday"}, "query.since"),
        ("/flow-runs", {"since": "2026-01-01T00:00:00"}, "query.since"),
        ("/flow-runs", {"since": "0.5"}, "query.since"),
        ("/flow-runs", {"until": "null"}, "query.until"),
        ("/flow-runs", {"sort": ["created", "started"]}, "query.sort"),
        ("/flow-runs", {"tag": ["x"] * 51}, "query.tag"),
        ("/flow-runs", {"search": "x" * 501}, "query.search"),
        ("/flow-runs/history", {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "query.since"),
        ("/events", {"after": "-1"}, "query.after"),
        ("/events", {"cursor": "x"}, "query.cursor"),
        ("/events", {"kinds": "*a*b*c*"}, "query.kinds[0]"),
        ("/logs", {"level": "loud"}, "query.level"),
    ],
)
async def test_what_does_not_fit_is_named(server: Server, path: str, query: dict[str, Any], field: str) -> None:
    answer = await server.client.get(f"/api{path}", params=query)

    assert (answer.status_code, [error["path"] for error in answer.json()["errors"]]) == (422, [field])
