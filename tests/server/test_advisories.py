"""Advisories: what went wrong elsewhere, in servers like this one and in what they stand on, does not go wrong here.

A test for each, named by the advisory, with one sentence of what happened there. Those that other tests tell whole are
left out: that every route and websocket asks for a key (test_authentication), sessions that end (test_login), rules for
targets of messages (tests/notifiers), hostile texts in all fields (test_api_strangers) and in the page (tests/page).
"""

import ast
import asyncio
import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import segue.server
import segue_events.stream
from segue.server.routes import TABLE
from segue.server.routing import WEBSOCKET
from segue.settings import load_settings

from .target import SECONDS, Target, serving_process

CANARY = "canary-5c1e77"
RUN = "018f0000-0000-7000-8000-000000000000"
GETS = sorted({re.sub(r"\{[^}]*\}", RUN, route.path) for route in TABLE if route.method == "GET"})


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A server that asks for keys, with a run in it; its settings hold a secret."""
    home = tmp_path_factory.mktemp("advisories") / "home"
    with serving_process(home, SEGUE_API_KEY=CANARY, SEGUE_SERVER_AUTH="required") as running:
        yield running


@pytest.fixture(scope="module")
def admin(target: Target) -> dict[str, str]:
    """The header of a key that may do everything."""
    return {"Authorization": f"Bearer {target.keys.create('admin', 'admin', now=0, expires=None)}"}


async def record(target: Target, admin: dict[str, str], kind: str, **payload: Any) -> None:
    event = {"kind": kind, "run": RUN, "subject": RUN, "payload": {"flow": "etl", "name": "brave-otter", **payload}}
    async with target.client(headers=admin) as client:
        (await client.post("/api/events/in", json={"events": [event]})).raise_for_status()


# --- who may come in ---


@pytest.mark.parametrize("name", ["x-health", "ready", "health", "x/health", "x%2fready", "api/health", "version"])
async def test_cve_2026_7722_and_3514(target: Target, name: str) -> None:
    """Paths that ended like the check of health were open to everybody."""
    for path in ("/api/flow-runs", "/api/flows", "/api/keys", "/api/task-runs"):
        for method in ("GET", "DELETE"):
            answer = await target.ask(f"{method} {path}/{name}")

            assert answer.status in (401, 404, 405), (method, path)


async def test_cve_2026_7723(target: Target) -> None:
    """The websocket by which events came in asked for no key, although HTTP did."""
    for path in (route.path for route in TABLE if route.method == WEBSOCKET):
        with pytest.raises(InvalidStatus) as refused:
            await connect(f"ws://127.0.0.1:{target.port}{path}", proxy=None)
        assert refused.value.response.status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1/health?", "127.0.0.1/health#", "127.0.0.1\\health", "/health"])
async def test_cve_2026_48710(target: Target, host: str) -> None:
    """What followed the name in the Host header became part of the path that was asked about."""
    answer = await target.ask("GET /api/flow-runs", f"Host: {host}")

    assert answer.status == 403


async def test_cve_2026_71554(target: Target, admin: dict[str, str]) -> None:
    """Of several Host headers, one was checked and another used."""
    shown = f"Authorization: {admin['Authorization']}"

    for hosts in (["127.0.0.1", "evil.example"], ["evil.example", "127.0.0.1"], ["127.0.0.1", "127.0.0.1"]):
        answer = await target.ask("GET /api/flow-runs", *(f"Host: {host}" for host in hosts), shown)

        assert answer.status == 403


def test_cve_2020_13927_and_17526() -> None:
    """The API was open by default, listened everywhere, and signed sessions with a key that everybody knew."""
    settings = load_settings().settings

    assert settings.server_host == "127.0.0.1"
    # That it does not listen elsewhere without keys is in test_process; that sessions are random bytes, in test_keys.
    done = subprocess.run(
        [sys.executable, "-m", "segue.server"],
        env={**os.environ, "SEGUE_SERVER_HOST": "0.0.0.0", "SEGUE_SERVER_PORT": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert "nobody has a key yet" in done.stderr


def secrets_compared_by_words() -> list[str]:
    """Comparisons by == or != in which something by the name of a secret takes part."""
    folders = [Path(str(package.__file__)).parent for package in (segue.server, segue_events.stream)]
    found: list[str] = []
    for file in (file for folder in folders for file in folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Compare) and any(isinstance(sign, ast.Eq | ast.NotEq) for sign in node.ops):
                text = ast.unparse(node)
                if re.search(r"secret|token|csrf|password|_digest\(", text):
                    found.append(f"{file.name}: {text}")
    return found


def test_prefect_21072_and_cve_2021_33880() -> None:
    """Keys were compared letter by letter, which tells by its time how many were right."""
    assert secrets_compared_by_words() == []


@pytest.mark.parametrize("text", ["sgk_é_ü", "sgk_\xff_\xff", f"sgk_{'a' * 12}_{'é' * 64}", "\x80"])
async def test_keys_that_are_not_ascii(target: Target, text: str) -> None:
    """The comparison that takes the same time raises an error for texts with other letters."""
    answer = await target.ask("GET /api/flow-runs", f"Authorization: Bearer {text}")
    cookie = await target.ask("GET /api/flow-runs", f"Cookie: __Host-segue={text}")

    assert {answer.status, cookie.status} <= {401, 429}


# --- pages of other sites ---


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_cve_2026_27482_and_ghsa_4hh5(target: Target, admin: dict[str, str], method: str) -> None:
    """Pages of other sites were kept out, but not by every method; and some were let in by CORS."""
    shown = f"Authorization: {admin['Authorization']}"

    for path in GETS:
        answer = await target.ask(
            f"{method} {path}", "Origin: http://evil.example", "Sec-Fetch-Site: cross-site", shown
        )

        assert answer.status == 403, path
        assert "access-control" not in answer.head.lower()


async def test_cve_2018_1000843(target: Target, admin: dict[str, str]) -> None:
    """A header let the pages of all sites read the API."""
    shown = f"Authorization: {admin['Authorization']}"
    answers = [
        await target.ask(f"GET {path}?limit=1", shown) for path in ("/api/flow-runs", "/api/events", "/api/logs")
    ]
    own = await target.ask(
        "GET /api/me", f"Origin: http://127.0.0.1:{target.port}", f"Host: 127.0.0.1:{target.port}", shown
    )

    assert [answer.status for answer in (*answers, own)] == [200] * 4
    assert not any("access-control" in answer.head.lower() for answer in (*answers, own))


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/plain; application/json", "application/jsonx", "application/x-json"]
)
async def test_cve_2021_32677(target: Target, admin: dict[str, str], kind: str) -> None:
    """JSON was taken as text/plain, which a page of any site may send without being asked about."""
    async with target.client(headers={**admin, "Content-Type": kind}) as client:
        answer = await client.post("/api/keys", content=b'{"name": "stolen", "scope": "admin"}')

    assert answer.status_code == 415
    assert "stolen" not in [key.name for key in target.keys.keys]


async def test_cve_2023_30798_and_2024_24762(target: Target, admin: dict[str, str]) -> None:
    """Forms of many parts took memory and time without limit."""
    parts = (
        b"".join(b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" for _ in range(50_000)) + b"--x--\r\n"
    )
    async with target.client(headers={**admin, "Content-Type": "multipart/form-data; boundary=x"}) as client:
        answer = await client.post("/api/events/in", content=parts)

    assert answer.status_code == 415


# --- what is not run ---


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self._place,)


async def test_cve_2026_25917_33858_and_42359(target: Target, admin: dict[str, str]) -> None:
    """Values that flows had stored were unpickled by the server."""
    place = target.home / "unpickled"
    pickled = pickle.dumps(Bomb(place)).hex()
    stored = {"serializer": "pickle", "data": pickled, "path": str(place), "__class__": "Bomb", "import": "os:system"}
    await record(target, admin, "flow-run.pending", parameters={"x": stored})
    await record(target, admin, "flow-run.completed", ref=stored, result=stored)

    async with target.client(headers=admin) as client:
        run = (await client.get(f"/api/flow-runs/{RUN}")).json()
        for path in GETS:
            if path != "/api/events/stream":
                await client.get(path)

    assert run["parameters"]["x"] == run["stored_result"] == stored
    assert not place.exists()


def test_a_server_has_nothing_loaded_that_unpickles_or_runs_flows() -> None:
    """What is not there cannot be reached: see the advisory above."""
    asked = "import sys, segue.server.process; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout.split()

    assert "segue.server.app" in loaded
    assert {"cloudpickle", "segue.flows", "segue.tasks", "segue.engine", "segue.task_runners"}.isdisjoint(loaded)


async def test_cve_2026_41490(target: Target, admin: dict[str, str]) -> None:
    """Names became part of the SQL that looked for them."""
    canary = "x'); DROP TABLE event; --"
    await record(target, admin, "flow-run.pending", name=canary, tags=[canary])

    async with target.client(headers=admin) as client:
        found = [
            (await client.get("/api/flow-runs", params={name: canary})).json()["items"]
            for name in ("name", "tag", "search")
        ]
        sorts = [
            await client.get("/api/flow-runs", params={"sort": text})
            for text in ("name", "created; --", f"-{canary}", "1")
        ]
        events = (await client.get("/api/events", params={"run": RUN})).json()["items"]

    assert [[run["name"] for run in runs] for runs in found] == [[canary]] * 3
    assert {answer.status_code for answer in sorts} == {422}
    assert events


@pytest.mark.parametrize(
    "run", ["../../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e", ".ssh", "%00", "~root", "-rf"]
)
async def test_cve_2023_22887_51232_and_2025_51481(target: Target, admin: dict[str, str], run: str) -> None:
    """The id of a run, in the address of its log, was made a path of a file."""
    shown = f"Authorization: {admin['Authorization']}"

    for more in ("/logs", "/logs?download=true", "/events", ""):
        answer = await target.ask(f"GET /api/flow-runs/{run}{more}", shown)

        assert answer.status in (400, 404), answer
        assert b"root:" not in answer.body


# --- what is not told ---


async def test_cve_2020_17511_2022_27949_and_2023_40712(target: Target, admin: dict[str, str]) -> None:
    """Secrets stood in settings, in logs and in what was rendered."""
    async with target.client(headers=admin) as client:
        texts = {path: (await client.get(path)).text for path in GETS if path != "/api/events/stream"}

    assert '"api_key"' in texts["/api/settings"]
    assert [path for path, text in texts.items() if CANARY in text] == []
    assert admin["Authorization"].rpartition("_")[2] not in str(texts)
    assert CANARY not in target.log.read_text()


async def test_cve_2026_31987_and_27173(target: Target, admin: dict[str, str]) -> None:
    """Tokens were written to logs, and stood in command lines, which everybody can read."""
    text = admin["Authorization"].removeprefix("Bearer ")
    async with target.client() as client:
        for shown in (
            {"Authorization": f"Bearer {text}x"},
            {"Authorization": f"bearer  {text}"},
            {"Cookie": f"a={text}"},
        ):
            await client.get("/api/flow-runs", headers=shown)
        for answer in (
            await client.get(f"/api/flow-runs?name={text}"),
            await client.post("/api/login", json={"key": f"{text}x"}),
        ):
            assert text.rpartition("_")[2] not in answer.text

    assert text.rpartition("_")[2] not in target.log.read_text()


async def test_cve_2020_13944_to_2022_43982(target: Target, admin: dict[str, str]) -> None:
    """A text from the address stood in the page as it was, and the mending of that was incomplete four times."""
    script = "<script>alert(1)</script>"
    async with target.client(headers=admin) as client:
        answers = [
            await client.get(f"/api/flow-runs/{script}"),
            await client.get("/api/flow-runs", params={script: script, "sort": script}),
            await client.get("/api/events/stream", params={"after": script}),
            await client.get(f"/{script}"),
            await client.get("/", params={"origin": script}),
        ]

    for answer in answers:
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind == "application/problem+json" or script not in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert "script-src 'self'" in answers[-1].headers["content-security-policy"]


# --- what it is built on ---


async def test_cve_2020_7694(target: Target) -> None:
    """Control characters in an address came to the terminal on which somebody read the log."""
    for path in ("/%1b%5d0;owned%07", "/api/%1b%5b2J", "/api/flow-runs/%0a2026-01-01%20ERROR%20forged"):
        await target.ask(f"GET {path}")
    await target.send(b"GET /\x1b[31m HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    log = target.log.read_text()

    assert "\x1b" not in log
    assert "forged" not in log


async def test_cve_2020_7695(target: Target, admin: dict[str, str]) -> None:
    """Line breaks in a value made headers of their own."""
    shown = f"Authorization: {admin['Authorization']}"
    for line in ("GET /api/x%0d%0aSet-Cookie:%20a=b", "GET /api/flow-runs?cursor=1%0d%0aSet-Cookie:%20a=b"):
        answer = await target.ask(line, shown)

        assert answer.status in (404, 422)
        assert "\nset-cookie" not in answer.head.lower()


CHUNKS = {
    "the end of a chunk is not there": b"2\r\n{}XX0\r\n\r\n",
    "a length that is none": b"zz\r\n{}\r\n0\r\n\r\n",
    "a length below nothing": b"-2\r\n{}\r\n0\r\n\r\n",
    "a length of eighteen digits": b"ffffffffffffffffff\r\n{}",
}


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS.keys())
async def test_cve_2025_43859(target: Target, chunks: bytes) -> None:
    """Chunks that were malformed were read, by which a second request hid in the first."""
    smuggled = chunks + b"GET /api/version HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    answer = await target.ask(
        "POST /api/login", "Content-Type: application/json", "Transfer-Encoding: chunked", body=smuggled
    )

    assert answer.status == 400
    assert b'"version"' not in answer.body


async def test_cve_2025_62727(target: Target, admin: dict[str, str]) -> None:
    """A header asked for a file in so many ranges that to put them in order took minutes."""
    ranges = "bytes=" + ",".join(f"{n}-{n}" for n in range(3_000))
    async with target.client(headers={**admin, "Range": ranges}) as client:
        answers = [await client.get(path) for path in ("/", f"/api/flow-runs/{RUN}/logs?download=true", "/metrics")]

    assert {answer.status_code for answer in answers} <= {200, 404}, "no part of anything is ever sent"


async def test_cve_2018_1000518(target: Target, admin: dict[str, str]) -> None:
    """A small packed message of a websocket became a huge one."""
    async with (
        asyncio.timeout(SECONDS),
        connect(target.stream, proxy=None, compression="deflate", additional_headers=admin) as socket,
    ):
        assert socket.protocol.extensions == []


async def test_cve_2024_27454(target: Target, admin: dict[str, str]) -> None:
    """JSON that was nested without end took the stack, and the process with it."""
    async with target.client(headers={**admin, "Content-Type": "application/json"}) as client:
        for opening in ("[", '{"a":', '[{"a":'):
            answer = await client.post("/api/events/in", content=opening * 500_000)
            assert answer.status_code == 422
            assert json.loads(answer.content)["errors"][0]["path"] == "body"
