"""The stream over plain HTTP: events sent in, long-polled, and sent by the server."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from segue import run_events
from segue.records import FlowRun
from segue.server.access import Caller, Scope
from segue_events import Event, new_id

from .conftest import Server, serving


def wire(kind: str = "thing.done", **more: Any) -> dict[str, Any]:
    return {"kind": kind, "id": new_id(), **more}


class Sent:
    """Reads the messages of a text/event-stream."""

    def __init__(self, answer: httpx2.Response) -> None:
        self._lines = answer.aiter_lines()

    async def next(self) -> dict[str, str]:
        """The next message that is no comment and has data."""
        message: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(": ")
                    message[name] = value
                elif "data" in message:
                    return message
                else:
                    message = {}
        raise AssertionError("the stream ended")


@pytest.fixture
async def sent(server: Server) -> AsyncIterator[Sent]:
    """A stream of server-sent events from now on."""
    headers = {"Accept": "text/event-stream"}
    async with server.client.stream("GET", "/api/events/stream", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Sent(answer)


# --- in ---


async def test_events_sent_in_are_in_the_journal_when_it_answers(server: Server) -> None:
    answer = await server.client.post(
        "/api/events/in", json={"events": [wire(), wire(run="r", occurred="2026-11-24T13:00:00+01:00")]}
    )
    assert answer.json() == {"head": 2}
    kept = await server.wiring.journal.read()
    assert [event.run for event in kept] == ["", "r"]
    assert kept[1].occurred == 1_795_521_600_000_000


async def test_events_sent_twice_are_stored_once(server: Server) -> None:
    batch = {"events": [wire(), wire()]}
    first = await server.client.post("/api/events/in", json=batch)
    again = await server.client.post("/api/events/in", json=batch)
    assert first.json() == again.json() == {"head": 2}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"events": [wire(), {"kind": ""}]}, "body.events[1].kind"),
        ({"events": [wire(occurred="yesterday")]}, "body.events[0].occurred"),
        ({"events": [wire(), wire(payload=5)]}, "body.events[1].payload"),
        ({"events": [wire(sequence=5)]}, "body.events[0]"),
        ({"events": [wire(kind="a\0b")]}, "body.events[0]"),
        ({"events": 3}, "body.events"),
        ({}, "body"),
    ],
)
async def test_what_is_no_event_is_refused_with_its_path(server: Server, given: Any, path: str) -> None:
    answer = await server.client.post("/api/events/in", json=given)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path
    assert (await server.wiring.journal.head()).seq == 0


async def test_payloads_that_no_run_has_made_do_not_stop_the_journal(server: Server) -> None:
    hostile = [wire("flow-run.pending", payload={"flow": 5, "tags": "x", "parent": [1]}), wire("log.written")]
    answer = await server.client.post("/api/events/in", json={"events": hostile})
    assert answer.json() == {"head": 2}
    assert (await server.client.post("/api/events/in", json={"events": [wire()]})).json() == {"head": 3}


class Running:
    """Lets everybody do what engines do, and nothing more."""

    async def admit(self, connection: Any, needed: Scope | None) -> Caller:
        return Caller("an engine", Scope.RUN)


async def test_only_an_administrator_deletes_runs_by_publishing_it(server: Server) -> None:
    async with serving(dataclasses.replace(server.wiring, access=Running())) as guarded:
        answer = await guarded.client.post("/api/events/in", json={"events": [wire("flow-run.deleted", run="r")]})
    assert answer.status_code == 403
    assert "scope admin" in answer.json()["detail"]


# --- long-poll ---


async def test_a_poll_goes_on_where_the_last_one_ended(server: Server) -> None:
    await server.record(Event(kind="a.b"), Event(kind="c.d"))
    first = await server.get("/events/stream", after="start")
    await server.record(Event(kind="e.f"))
    second = await server.get("/events/stream", after=first["cursor"])
    assert [event["kind"] for event in first["events"]] == ["a.b", "c.d"]
    assert [event["kind"] for event in second["events"]] == ["e.f"]


async def test_a_poll_waits_for_the_first_event_that_is_wanted(server: Server) -> None:
    wanted = asyncio.create_task(server.get("/events/stream", kinds=["good.*", "!good.bad"], wait=20))
    await server.wiring.streams.wait_open(1)
    await server.record(Event(kind="good.bad"), Event(kind="other"))
    await server.record(Event(kind="good.one"))
    assert [event["kind"] for event in (await wanted)["events"]] == ["good.one"]


async def test_a_poll_that_finds_nothing_wanted_has_a_cursor_past_it_all(server: Server) -> None:
    await server.record(Event(kind="a.b"), Event(kind="c.d"))
    answer = await server.get("/events/stream", after="start", kinds="x")
    assert answer["events"] == []
    assert answer["cursor"].endswith(":2")


async def test_a_long_journal_is_polled_in_pages_without_a_gap(server: Server) -> None:
    await server.record(*(Event(kind="a.b", payload={"n": n}) for n in range(2_500)))
    seen: list[int] = []
    cursor = "start"
    while len(seen) < 2_500:
        batch = await server.get("/events/stream", after=cursor)
        seen += [event["payload"]["n"] for event in batch["events"]]
        cursor = batch["cursor"]
    assert seen == list(range(2_500))


async def test_a_cursor_that_cannot_be_followed_is_gone(server: Server) -> None:
    answer = await server.client.get("/api/events/stream", params={"after": "other:0:5"})
    assert answer.status_code == 410
    assert "another journal" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"after": "here"}, "query.after"),
        ({"wait": "31"}, "query.wait"),
        ({"wait": "nan"}, "query.wait"),
        ({"kinds": "a*b*c*d"}, "query.kinds[0]"),
        ({"kinds": ["a"] * 101}, "query.kinds"),
        ({"kind": "a"}, "query.kind"),
    ],
)
async def test_what_cannot_be_asked_for_is_refused(server: Server, params: dict[str, str], path: str) -> None:
    answer = await server.client.get("/api/events/stream", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"] == path


async def test_a_poll_ends_when_the_server_stops(server: Server) -> None:
    wanted = asyncio.create_task(server.get("/events/stream", wait=30))
    await server.wiring.streams.wait_open(1)
    server.wiring.streams.stop()
    assert (await wanted)["events"] == []


# --- server-sent events ---


async def test_events_are_sent_with_the_cursor_after_each(server: Server, sent: Sent) -> None:
    await server.record(Event(kind="a.b", payload={"text": "two\nlines"}), Event(kind="c.d"))
    first, second = await sent.next(), await sent.next()
    assert msgspec.json.decode(first["data"])["payload"] == {"text": "two\nlines"}
    assert [first["id"].rpartition(":")[2], second["id"].rpartition(":")[2]] == ["1", "2"]


async def test_a_browser_goes_on_after_the_last_event_it_had(server: Server) -> None:
    await server.record(Event(kind="a.b"), Event(kind="c.d"))
    first = (await server.get("/events/stream", after="start"))["events"][0]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": first["cursor"]}
    async with server.client.stream("GET", "/api/events/stream", headers=headers) as answer:
        assert msgspec.json.decode((await Sent(answer).next())["data"])["kind"] == "c.d"


async def test_a_browser_with_a_cursor_of_another_journal_is_told_and_goes_on_at_the_head(server: Server) -> None:
    await server.record(Event(kind="a.b"))
    headers = {"Accept": "text/event-stream", "Last-Event-ID": "other:0:1"}
    async with server.client.stream("GET", "/api/events/stream", headers=headers) as answer:
        sent = Sent(answer)
        assert (await sent.next())["event"] == "reset"
        await server.record(Event(kind="c.d"))
        assert msgspec.json.decode((await sent.next())["data"])["kind"] == "c.d"


async def test_the_stream_of_a_server_that_stops_ends_well(server: Server) -> None:
    headers = {"Accept": "text/event-stream"}
    async with server.client.stream("GET", "/api/events/stream", headers=headers) as answer:
        server.wiring.streams.stop()
        assert (await answer.aread()).startswith(b"retry: ")
    refused = await server.client.get("/api/events/stream", headers=headers)
    assert refused.status_code == 503


# --- what engines look up ---


async def test_a_cached_result_is_found_by_its_key_until_it_expires(server: Server) -> None:
    run = FlowRun(id=new_id(), name="brave-otter", flow_name="etl", created=1)
    far = 4_000_000_000_000_000
    done = Event(
        kind="task-run.completed",
        run=run.id,
        subject=new_id(),
        payload={"cache_key": "k/1?", "result": [1], "expires": far},
    )
    await server.record(run_events.flow_run_pending(run), done)
    assert (await server.get("/cache-entry", key="k/1?"))["result"] == [1]
    assert (await server.client.get("/api/cache-entry", params={"key": "k"})).status_code == 404
