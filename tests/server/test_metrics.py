"""Metrics, statistics and settings: figures of the server, in the words of those who ask."""

import re

from starlette.types import Message, Receive, Scope, Send

from segue import states
from segue.api.alerts import Notifications, Rules
from segue.server.metrics import Family, Measured, Meters, Sample, exposition
from segue_events import Event
from segue_events.testing import FakeClock

from .conftest import Server, structs

LINE = re.compile(r'([a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? (-?\d+(\.\d+)?(e-?\d+)?)')


async def figures(server: Server) -> dict[str, float]:
    """All figures, by name and labels."""
    answer = await server.client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    assert [line for line in lines if not LINE.fullmatch(line)] == []
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}


async def test_the_figures_tell_of_runs_journal_bus_and_process(server: Server) -> None:
    await server.flow_run(states.Running(occurred=20), states.Completed(occurred=30))
    await server.flow_run()

    found = await figures(server)

    assert found['segue_flow_runs{type="COMPLETED"}'] == 1
    assert found['segue_flow_runs{type="PENDING"}'] == 1
    assert found["segue_journal_head"] == found["segue_events_committed_total"] == 4
    assert found["process_resident_memory_bytes"] > 10_000_000


def test_a_label_may_hold_anything_and_a_count_is_told_to_the_last_digit() -> None:
    family = Family("some", "counter", "Some things.", [Sample(12_345_678, {"of": 'a"b\\c\nd'}), Sample(0.5)])

    assert exposition([family]) == (
        '# HELP some Some things.\n# TYPE some counter\nsome{of="a\\"b\\\\c\\nd"} 12345678\nsome 0.5\n'
    )


async def answered(meters: Meters, clock: FakeClock, seconds: float, scope: Scope, *messages: Message) -> None:
    """Let an app answer with these messages after so many seconds."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await clock.advance(seconds)
        for message in messages:
            await send(message)

    async def receive() -> Message:
        raise AssertionError

    async def send(message: Message) -> None:
        pass

    await Measured(app, meters, clock)(scope, receive, send)


async def test_answers_are_counted_by_route_and_status_and_timed() -> None:
    meters, clock = Meters(), FakeClock()
    start = {"type": "http.response.start", "status": 404}
    await answered(meters, clock, 0.05, {"type": "http", "method": "GET"}, start)
    await answered(meters, clock, 20, {"type": "http", "method": "BREW"}, start, {"type": "http.response.body"})
    await answered(meters, clock, 0, {"type": "websocket"}, {"type": "websocket.accept"})

    text = exposition(meters.families())

    assert 'segue_http_requests_total{method="GET",route="none",status="404"} 1' in text
    assert 'segue_http_requests_total{method="OTHER",route="none",status="404"} 1' in text
    assert 'segue_http_requests_total{method="WEBSOCKET",route="none",status="101"} 1' in text
    buckets = re.findall(r'segue_http_request_seconds_bucket\{le="([^"]+)"\} (\d+)', text)
    assert buckets == [
        ("0.005", "1"), ("0.025", "1"), ("0.1", "2"), ("0.5", "2"), ("2.5", "2"), ("10", "2"), ("+Inf", "3"),
    ]  # fmt: skip
    assert "segue_http_request_seconds_sum 20.05" in text
    assert "segue_http_request_seconds_count 3" in text


async def test_statistics_tell_the_same_as_json(server: Server) -> None:
    await server.flow_run()

    found = await server.get("/statistics")

    assert (found["journal"]["head"], found["bus"]["committed"]) == (1, 1)
    assert found["memory_bytes"] > 10_000_000
    assert found["started"].startswith("20")


async def test_settings_are_told_with_their_source_and_without_secrets(server: Server) -> None:
    items = {item["name"]: item for item in (await server.get("/settings"))["items"]}

    assert items["home"]["source"] == "environment"
    assert items["server_port"] == {
        "name": "server_port",
        "variable": "SEGUE_SERVER_PORT",
        "value": "4200",
        "source": "defaults",
        "help": "The port that a server listens on; 0 for any that is free.",
        "secret": False,
    }
    assert items["api_key"]["value"] is None


async def test_what_was_told_is_listed_the_latest_first(server: Server) -> None:
    about = {"message": "m1", "target": "ops", "rule": "failures", "title": "etl failed"}
    await server.record(
        Event(kind="notification.queued", payload=about, occurred=10),
        Event(kind="notification.failed", payload={**about, "attempt": 1, "reason": "away", "next": 90}, occurred=20),
        Event(kind="notification.sent", payload={**about, "target": "other", "attempt": 1}, occurred=30),
    )

    items = structs(Notifications, await server.get("/notifications")).items
    to_ops = structs(Notifications, await server.get("/notifications", target="ops", limit=1)).items

    assert [(item.target, item.outcome, item.attempt) for item in items] == [
        ("other", "sent", 1),
        ("ops", "failed", 1),
        ("ops", "queued", 0),
    ]
    assert [(item.reason, item.next) for item in to_ops] == [("away", "1970-01-01T00:00:00.000090Z")]


async def test_rules_are_told_and_where_messages_go_is_not(server: Server) -> None:
    file = server.wiring.loaded.settings.notify_file
    file.write_text(
        "targets: {ops: 'webhook+https://192.0.2.7/t0ken'}\n"
        "rules: {nightly: {when: {type: reactive, on: {kinds: [flow-run.failed]}}, severity: warning}}\n"
    )

    answer = await server.get("/rules")
    found = structs(Rules, answer)

    assert [(target.name, target.place) for target in found.targets] == [("ops", str(file))]
    assert [(rule.name, rule.severity, rule.when["on"]["kinds"]) for rule in found.rules] == [
        ("nightly", "warning", ["flow-run.failed"])
    ]
    assert "t0ken" not in str(answer)
