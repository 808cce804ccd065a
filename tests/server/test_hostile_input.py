"""Hostile input: what no client of good will sends is refused with a sentence; never is it a 500, never a hang."""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from segue.server.routes import TABLE
from segue.server.routing import Route

from .target import UPGRADE, Answer, Target, serving_process

JSON = "Content-Type: application/json"
EVENT = '{{"events": [{{"kind": "a.b", "payload": {{"x": {}}}}}]}}'
POSTS = [route for route in TABLE if route.method == "POST" and route.body is not None]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that lets everybody in, which outlives all that this file sends to it."""
    home = tmp_path_factory.mktemp("hostile") / "home"
    with serving_process(home, SEGUE_SERVER_MAX_BODY_BYTES=str(16 * 1024 * 1024)) as running:
        yield running


async def post(target: Target, path: str, body: bytes) -> Answer:
    return await target.ask(f"POST {path}", JSON, f"Content-Length: {len(body)}", body=body)


async def kept(target: Target) -> str:
    """The last event's payload, as it is sent."""
    async with target.client() as client:
        text = (await client.get("/api/events", params={"order": "desc", "limit": 1})).text
    return text.partition('"payload":')[2].removesuffix(text[text.rindex('}],"next"') :])


def concrete(path: str, part: str = "x") -> str:
    return re.sub(r"\{[^}]*\}", part, path)


def is_refused(answer: Answer, place: str = "") -> bool:
    """Whether it is a problem with a sentence, and with the path of what is wrong where that is a field."""
    problem = answer.problem
    assert problem["detail"].endswith("."), problem
    return 400 <= answer.status < 500 and all(error["path"].startswith(place) for error in problem.get("errors", []))


# --- queries ---

TEXTS = [
    "", "\n", "\0", "nan", "inf", "-1", "1e999", "9" * 5000, "9223372036854775808", "\u0661", "1_0", "0x10", " 1",
    "debug\n", "5\n", "1:2:3", "::", "%", "*" * 50, "!", "'; DROP TABLE event; --", "[a-", "\ud7ff\ue000", "\u202e",
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999-23:59", "2026-02-30T00:00:00Z", "null", "{}",
]  # fmt: skip


def parameters() -> list[tuple[Route, str]]:
    """A route for each parameter; those of one name and type are read by the same code."""
    found = {
        (field.encode_name, repr(field.type)): (route, field.encode_name)
        for route in TABLE
        if route.method == "GET"
        for field in msgspec.structs.fields(route.query)
    }
    return list(found.values())


async def test_no_text_in_any_parameter_is_more_than_wrong(target: Target) -> None:
    seen: set[int] = set()
    async with target.client() as client:
        for route, name in parameters():
            for text in TEXTS:
                answer = await client.get(concrete(route.path), params={name: text})

                assert answer.status_code in (200, 404, 410, 422), (route.path, name, text, answer.text)
                if answer.status_code == 422:
                    assert answer.json()["errors"][0]["path"].startswith(f"query.{name}"), answer.text
                seen.add(answer.status_code)
    assert seen >= {200, 422}


async def test_a_thousand_parameters_and_one_a_thousand_times_are_refused(target: Target) -> None:
    many = await target.ask("GET /api/flow-runs?" + "&".join(f"p{n}=1" for n in range(3000)))
    often = await target.ask("GET /api/flow-runs?" + "&".join(["limit=1"] * 3000))

    assert (many.status, often.status) == (422, 422)
    assert len(often.problem["errors"]) == 1


# --- bodies ---


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"NaN",
        b'{"x": -Infinity}',
        b'{"x": 1e999}',
        b'{"x": 1' + b"0" * 5000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"x": "\\ud800"}',
        b'{"x": "\\udc00\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"x": "\xff\xfe"}',
        b'{"x": "\xed\xa0\x80"}',
        b'{"x": "\0"}',
        b"\0",
        b"\xef\xbb\xbf{}",
        b"{}".decode().encode("utf-16"),
        b'{"x": 1} {"x": 2}',
        b"null",
        b'"text"',
        b"[]",
        b"{" + b",".join(b'"%x": 0' % n for n in range(300)) + b"}",
    ],
    ids=lambda body: ascii(body[:24]),
)
async def test_what_no_route_takes_is_refused_by_each_with_the_place(target: Target, body: bytes) -> None:
    for route in POSTS:
        answer = await post(target, concrete(route.path), body)

        assert answer.status in (413, 422), (route.path, answer)
        assert is_refused(answer, "body"), answer


@pytest.mark.parametrize("value", ["NaN", "1e400", "1" + "0" * 5000, '"\\ud800"', "[" * 300 + "]" * 300])
async def test_a_payload_that_the_journal_cannot_hold_is_refused(target: Target, value: str) -> None:
    answer = await post(target, "/api/events/in", EVENT.format(value).encode())

    assert answer.status == 422
    assert is_refused(answer, "body")


@pytest.mark.parametrize(
    "value",
    [
        "9007199254740993",
        "-9223372036854775809",
        "18446744073709551616",
        "1" + "0" * 4000,
        "5e-324",
        "0.1",
        '"\\u0000"',
        '"\U0001d518 \u202e \\u2028"',
        '""',
        "null",
        "[" * 150 + "]" * 150,
    ],
    ids=lambda value: ascii(value[:24]),
)
async def test_what_is_stored_is_what_comes_back(target: Target, value: str) -> None:
    answer = await post(target, "/api/events/in", EVENT.format(value).encode())

    assert answer.status == 200, answer
    assert json.loads(await kept(target)) == {"x": json.loads(value)}


async def test_an_action_with_a_line_break_is_none(target: Target) -> None:
    for action in ("delete\\n", "cancel\\n", "Delete", ""):
        answer = await post(target, "/api/flow-runs/bulk", f'{{"action": "{action}", "ids": ["x"]}}'.encode())

        assert (answer.status, answer.problem["errors"][0]["path"]) == (422, "body.action")


async def test_of_a_key_that_comes_twice_the_last_one_counts(target: Target) -> None:
    await post(target, "/api/events/in", b'{"events": [], "events": [{"kind": "a.b", "payload": {"x": 1, "x": 2}}]}')

    assert await kept(target) == '{"x":2}'


async def test_half_a_million_keys_are_a_payload_like_any_other(target: Target) -> None:
    def keys(count: int) -> str:
        return "{" + ",".join(f'"{n:x}":0' for n in range(count)) + "}"

    def event(count: int) -> bytes:
        return f'{{"events":[{{"kind":"a.b","payload":{keys(count)}}}]}}'.encode()

    taken = await post(target, "/api/events/in", event(500_000))
    refused = [await post(target, path, keys(count).encode()) for path, count in ELSEWHERE]

    assert taken.status == 200
    assert [answer.status for answer in refused] == [422, 422, 413]


ELSEWHERE = [("/api/events/in", 500_000), ("/api/flow-runs/bulk", 100_000), ("/api/flow-runs/bulk", 500_000)]


async def test_a_million_events_at_once_are_too_many(target: Target) -> None:
    events = ",".join(['{"kind":"a"}'] * 1_000_000)

    answer = await post(target, "/api/events/in", f'{{"events":[{events}]}}'.encode())

    assert (answer.status, answer.problem["errors"][0]["path"]) == (422, "body.events")


async def test_a_body_that_is_too_long_is_refused_however_it_comes(target: Target) -> None:
    chunks = (b"10000\r\n" + b" " * 65_536 + b"\r\n") * 270 + b"0\r\n\r\n"

    counted = await post(target, "/api/events/in", b" " * 17_000_000)
    chunked = await target.ask("POST /api/events/in", JSON, "Transfer-Encoding: chunked", body=chunks)

    assert (counted.status, chunked.status) == (413, 413)
    assert is_refused(counted)
    assert is_refused(chunked)


async def test_the_server_answers_while_bodies_come_a_byte_at_a_time(target: Target) -> None:
    head = f"POST /api/events/in HTTP/1.1\r\nHost: 127.0.0.1\r\n{JSON}\r\nContent-Length: 100\r\n\r\n".encode()
    slow = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(200)]
    async with target.client() as client:
        for byte in (head, b"{", b" ", b" "):
            for _, writer in slow:
                writer.write(byte)
            assert (await client.get("/health")).status_code == 200
    for _, writer in slow:
        writer.transport.abort()


# --- heads ---


@pytest.mark.parametrize(
    ("line", "headers", "statuses"),
    [
        ("GET /" + "a" * 70_000, [], {400, 0}),
        ("GET /" + "a" * 1_000_000, [], {400, 0}),
        ("GET /api/flow-runs?name=" + "a" * 40_000, [], {431}),
        ("GET /health", ["X: " + "a" * 40_000], {431}),
        ("GET /health", ["X: " + "a" * 1_000_000], {400, 0}),
        ("GET /health", ["X: a"] * 20_000, {400, 431, 0}),
        ("GET /health", ["X: a\0b"], {400}),
        ("GET /health", ["X y: a"], {400}),
        ("GET /health", ["X: a", " folded"], {400}),
        ("GET /health\0", [], {400}),
        ("GET /%", [], {404}),
        ("GET /api/%ff%00%zz", [], {404}),
        ("GET *", [], {404}),
        ("HACK /health", [], {400}),
        ("TRACE /api/version", [], {404, 405}),
        ("CONNECT evil.example:80", [], {400}),
        ("POST /api/events/in", [JSON, "Content-Length: -1"], {400}),
        ("POST /api/events/in", [JSON, "Content-Length: 99999999999999999999"], {400}),
        ("POST /api/events/in", [JSON, "Content-Length: 2", "Content-Length: 3"], {400}),
        ("POST /api/events/in", [JSON, "Content-Length: 2", "Transfer-Encoding: chunked"], {400}),
        ("POST /api/events/in", [JSON, "Transfer-Encoding: chunked, identity"], {400}),
    ],
    ids=lambda part: ascii(part)[:50],
)
async def test_a_head_that_is_too_large_or_ambiguous_is_not_obeyed(
    target: Target, line: str, headers: list[str], statuses: set[int]
) -> None:
    answer = await target.ask(line, *headers, body=b"{}")

    assert answer.status in statuses, answer


@pytest.mark.parametrize("key", ["", "x" * 201, "\xe9\xff"], ids=ascii)
async def test_an_odd_idempotency_key_is_a_key_or_refused(target: Target, key: str) -> None:
    answer = await target.ask("POST /api/flow-runs/x/cancel", f"Idempotency-Key: {key}", "Content-Length: 0")

    assert answer.status == (404 if len(key) == 2 else 422)
    assert is_refused(answer)


HOSTS = [
    "evil.example", "127.0.0.1.evil.example", "127.0.0.1@evil.example", "evil.example@127.0.0.1", "127.0.0.1/health?",
    "127.0.0.1, evil.example", "127.0.0.1:80:80", "0x7f.1", "2130706433", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost.",
    "",
]  # fmt: skip


@pytest.mark.parametrize("host", HOSTS, ids=ascii)
async def test_a_name_that_only_resolves_to_this_machine_is_refused(target: Target, host: str) -> None:
    answer = await target.ask("GET /api/flow-runs", f"Host: {host}")
    socket = await target.ask("GET /api/events/stream", f"Host: {host}", *UPGRADE)

    assert (answer.status, socket.status) == (403, 403)
    assert is_refused(answer)


ORIGINS = ["http://evil.example", "null", "file://", "https://127.0.0.1.evil.example", "http://127.0.0.1:1", "", "\xff"]


@pytest.mark.parametrize("origin", ORIGINS, ids=ascii)
async def test_a_page_of_another_site_reads_and_changes_nothing(target: Target, origin: str) -> None:
    for line in ("GET /api/flow-runs", "DELETE /api/flow-runs/x", "OPTIONS /api/events/in", "POST /api/events/in"):
        answer = await target.ask(line, f"Origin: {origin}", "Content-Length: 0")

        assert answer.status == 403
        assert "access-control" not in answer.head.lower()


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_what_a_form_can_send_is_no_request_of_the_api(target: Target, kind: str) -> None:
    for route in POSTS:
        answer = await target.ask(
            f"POST {concrete(route.path)}", f"Content-Type: {kind}", "Content-Length: 2", body=b"{}"
        )

        assert answer.status == 415, route.path


TRAVERSALS = [
    "/../{0}", "/..%2f..%2f..%2f..%2f{0}", "/%2e%2e/%2e%2e/{0}", "/assets/../../{0}", "/assets/..%5c..%5c{0}", "//{0}",
    "/assets/%00{0}", "/{0}%00.html", "/api/flow-runs/..%2f..%2f{0}/logs?download=true", "/api/flow-runs/%2e%2e/{0}",
    "/.env", "/api/../{0}", "/segue.db", "/..;/{0}",
]  # fmt: skip


@pytest.mark.parametrize("path", TRAVERSALS)
async def test_no_path_leads_to_a_file(target: Target, path: str) -> None:
    (target.home / "canary").write_text("canary-in-a-file")

    answers = [await target.ask(f"GET {path.format(place)}") for place in ("canary", f"{target.home}/canary")]

    assert {answer.status for answer in answers} <= {400, 404}
    assert not any(b"canary-in-a-file" in answer.body for answer in answers)


async def test_a_name_with_line_breaks_makes_no_header(target: Target) -> None:
    name = 'x\r\nSet-Cookie: a=b\r\n\r\n<script>"'
    event: dict[str, Any] = {"kind": "flow-run.pending", "run": name, "subject": name, "payload": {"flow": name}}
    async with target.client() as client:
        await client.post("/api/events/in", json={"events": [event | {"payload": {"flow": name, "name": name}}]})
        quoted = "".join(f"%{byte:02x}" for byte in name.encode())
        answers = [
            await client.get(f"/api/flow-runs/{quoted}{more}") for more in ("", "/logs?download=true", "/events")
        ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not any("set-cookie" in answer.headers for answer in answers)
