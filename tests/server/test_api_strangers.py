"""What strangers send: events that no run has made, and texts that are more than texts; never is it a 500."""

from typing import Any

import pytest

from segue_events import Event, new_id

from .conftest import Server

PATHS = ("", "/states", "/task-runs", "/events", "/logs", "/graph")
HOSTILE = ["\0", "%", "_", "'; DROP TABLE event; --", "\\", "é\u202e", "a" * 400, "[a-", "*", '"', "\x7f", "\U0001d518"]


def known(run_id: str, **more: Any) -> Event:
    payload = {"flow": "etl", "name": "odd", **more}
    return Event(kind="flow-run.pending", payload=payload, run=run_id, subject=run_id, occurred=1)


@pytest.mark.parametrize(
    "event",
    [
        Event(kind="flow-run.failed", payload={"error": "text"}),
        Event(kind="flow-run.failed", payload={"error": {"type": 5, "message": [1]}}),
        Event(kind="flow-run.completed", payload={"ref": [1], "result": 1}),
        Event(kind="flow-run.scheduled", payload={"at": "soon"}),
        Event(kind="flow-run.scheduled", payload={"at": 10**18}),
        Event(kind="flow-run.running", payload={"name": 5, "message": {}}),
        Event(kind="log.written", payload={"level": "loud", "message": {"a": 1}}),
        Event(kind="log.written", payload={"level": 10**15, "logger": None}),
        Event(kind="task-run.pending", payload={"task": "t", "name": "t-0", "upstream": "abc"}),
    ],
    ids=lambda event: f"{event.kind} {event.payload}",
)
async def test_events_that_no_run_has_made_are_shown_or_left_out(server: Server, event: Event) -> None:
    run_id = new_id()
    event.run = event.subject = run_id
    event.occurred = 2**62
    await server.record(known(run_id, parameters=[1], tags=["x"]), event)

    paths = [f"/flow-runs/{run_id}{path}" for path in PATHS]
    answers = [await server.client.get(f"/api{path}") for path in (*paths, "/flow-runs", "/logs", "/events", "/flows")]

    assert {answer.status_code for answer in answers} == {200}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
async def test_odd_texts_are_looked_for_as_they_are(server: Server, text: str) -> None:
    run = await server.flow_run(name=f"<{text}>", flow_name=f"<{text}>", tags=(text,))
    task = await server.task_run(run.id, name=f"<{text}>", tags=(text,))
    await server.log(run, f"<{text}>")

    found = [
        (await server.get(path, **{key: value}))["items"]
        for path in ("/flow-runs", "/task-runs")
        for key, value in (("tag", text), ("name", f"<{text}>"), ("search", f"<{text}"), ("search", f"{text}>"))
    ]
    lines = (await server.get("/logs", search=text))["items"]

    # SQLite sees a text only up to a NUL when it looks into it.
    if text != "\0":
        assert [[one["id"] for one in items] for items in found] == [[run.id]] * 4 + [[task.id]] * 4
        assert [line["message"] for line in lines] == [f"<{text}>"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
@pytest.mark.parametrize("path", ["/flow-runs/{}", "/task-runs/{}", "/flows/{}", "/flow-runs/{}/logs"])
async def test_odd_texts_in_a_path_name_nothing(server: Server, path: str, text: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in text.encode())

    answer = await server.client.get(f"/api{path.format(quoted)}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
