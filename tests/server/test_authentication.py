"""Authentication: no route answers who may not call it, whatever they show and however they ask."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from segue.server.access import Scope
from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.routes import TABLE
from segue.server.routing import WEBSOCKET, Route
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock

from .conftest import Server, serving

METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
OPEN = {"/health", "/ready", "/api/health", "/api/ready", "/api/version", "/api/login"}

# What somebody may show who has no key.
WRONG = {
    "nothing": {},
    "an empty header": {"Authorization": ""},
    "no key": {"Authorization": "Bearer hunter2"},
    "a key that is not there": {"Authorization": f"Bearer sgk_000000000000_{'0' * 64}"},
    "another scheme": {"Authorization": "Basic c2drOnNnaw=="},
    "letters beyond ASCII": {"Authorization": "Bearer sgk_é_ü".encode("latin-1")},
    "a session that is not there": {"Cookie": f"__Host-segue=000000000000_{'0' * 64}"},
    "an empty session": {"Cookie": "__Host-segue="},
    "a name for the log": {"Authorization": "Bearer sgk_';DROP TABLE event;--_x"},
}


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server that asks for keys."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    clock = SystemClock()
    access = Authentication(KeysFile(loaded.settings.database), clock, required=True)
    async with wired(loaded, clock, access=access, authentication=access) as wiring, serving(wiring) as running:
        yield running


@pytest.fixture
def keys(server: Server) -> dict[str, dict[str, str]]:
    """The header that shows a key of each scope."""
    file = server.wiring.authentication.keys
    return {
        scope: {"Authorization": f"Bearer {file.create(scope, scope, now=0, expires=None)}"}
        for scope in ("read", "run", "admin")
    }


def concrete(route: Route) -> str:
    """A path of the route."""
    return re.sub(r"\{[^}]*\}", "018f0000-0000-7000-8000-000000000000", route.path)


HTTP_PATHS = sorted({concrete(route) for route in TABLE if route.method != WEBSOCKET and route.scope is not None})
SOCKETS = sorted({concrete(route) for route in TABLE if route.method == WEBSOCKET})


def test_only_these_paths_are_open_to_strangers() -> None:
    assert {route.path for route in TABLE if route.scope is None} <= OPEN | {"/api/openapi.json"}


@pytest.mark.parametrize("shown", WRONG.values(), ids=WRONG.keys())
async def test_no_method_of_any_route_answers_a_stranger(
    server: Server, keys: dict[str, dict[str, str]], shown: dict[str, str]
) -> None:
    answers = {
        (method, path): (await server.client.request(method, path, headers=shown)).status_code
        for path in HTTP_PATHS
        for method in METHODS
    }

    assert len(answers) >= 7 * 20
    # 405: the path does not take the method, for anybody.
    assert set(answers.values()) <= {401, 405, 429}
    taken = {(route.method, concrete(route)) for route in TABLE if concrete(route) in HTTP_PATHS}
    assert [place for place in taken if place[0] != WEBSOCKET and answers[place] == 405] == []


@pytest.mark.parametrize("shown", WRONG.values(), ids=WRONG.keys())
async def test_no_websocket_opens_to_a_stranger(
    server: Server, keys: dict[str, dict[str, str]], shown: dict[str, str]
) -> None:
    assert SOCKETS
    for path in SOCKETS:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(f"ws://127.0.0.1:{server.port}{path}", additional_headers=shown, proxy=None):
                pass
        assert refused.value.response.status_code in (401, 429)


async def raw_status(server: Server, path: str) -> int:
    """The status of a GET of this very path, which no client has tidied up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


SPELLINGS = (
    "{0}/", "/{0}", "/.{0}", "//127.0.0.1{0}", "/x/..{0}", "{0}%2f", "{0}/health", "{0}/../health", "{0}?/health",
    "{0};health", "{0}%00", "{0}.json", "/health/..{0}", "/%2e%2e{0}",
)  # fmt: skip


async def test_no_spelling_of_a_path_opens_it(server: Server) -> None:
    for path in ("/api/flow-runs", "/metrics", "/api/keys"):
        for spelling in SPELLINGS:
            status = await raw_status(server, spelling.format(path))

            assert status in (400, 401, 404, 405, 307), (path, spelling)


async def test_each_scope_may_do_its_own_and_nothing_above(server: Server, keys: dict[str, dict[str, str]]) -> None:
    for route in TABLE:
        if route.scope is None or route.method == WEBSOCKET:
            continue
        for name, shown in keys.items():
            # A parameter that no route has: whoever is let in learns that, and nothing is done.
            answer = await server.client.request(route.method, concrete(route), headers=shown, params={"no-such": "1"})
            is_let_in = Scope[name.upper()] >= route.scope
            assert answer.status_code == (422 if is_let_in else 403), (route.method, route.path, name)


async def test_the_first_key_closes_a_server_that_was_open() -> None:
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    clock = SystemClock()
    access = Authentication(KeysFile(loaded.settings.database), clock)
    async with wired(loaded, clock, access=access, authentication=access) as wiring, serving(wiring) as server:
        before = await server.client.get("/api/flow-runs")
        KeysFile(loaded.settings.database).create("first", "read", now=0, expires=None)
        after = await server.client.get("/api/flow-runs")
        KeysFile(loaded.settings.database).revoke("first")
        revoked = await server.client.get("/api/flow-runs")

    assert (before.status_code, after.status_code, revoked.status_code) == (200, 401, 401)


async def test_a_file_of_keys_that_is_broken_closes_the_server(server: Server, keys: dict[str, dict[str, str]]) -> None:
    server.wiring.authentication.keys.path.write_bytes(b"{")

    answer = await server.client.get("/api/flow-runs", headers=keys["admin"])
    health = await server.client.get("/health")

    assert (answer.status_code, health.status_code) == (503, 200)
    assert "Nobody is let in" in answer.json()["detail"]


async def test_two_keys_at_once_are_none(server: Server, keys: dict[str, dict[str, str]]) -> None:
    both = [*keys["admin"].items(), *keys["read"].items()]

    assert (await server.client.get("/api/me", headers=both)).status_code == 401


FOREIGN = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
)


async def test_a_page_of_another_site_gets_nothing_even_with_a_key(
    server: Server, keys: dict[str, dict[str, str]]
) -> None:
    for headers in FOREIGN:
        answer = await server.client.get("/api/flow-runs", headers={**keys["admin"], **headers})

        assert answer.status_code == 403, headers


async def test_a_link_that_somebody_follows_from_another_site_works(
    server: Server, keys: dict[str, dict[str, str]]
) -> None:
    followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}

    assert (await server.client.get("/api/flow-runs", headers={**keys["read"], **followed})).status_code == 200


async def test_keys_are_managed_by_admins_and_their_text_is_told_once(
    server: Server, keys: dict[str, dict[str, str]]
) -> None:
    made = await server.client.post("/api/keys", headers=keys["admin"], json={"name": "ci", "scope": "read"})
    listed = (await server.client.get("/api/keys", headers=keys["admin"])).json()["items"]
    shown = {"Authorization": f"Bearer {made.json()['key']}"}
    used = await server.client.get("/api/me", headers=shown)
    gone = await server.client.delete(f"/api/keys/{made.json()['id']}", headers=keys["admin"])
    after = await server.client.get("/api/me", headers=shown)

    assert [key["name"] for key in listed] == ["read", "run", "admin", "ci"]
    assert "digest" not in listed[-1]
    assert (made.status_code, used.json()["name"], gone.status_code, after.status_code) == (201, "ci", 204, 401)


async def test_a_name_that_is_taken_and_a_key_that_is_not_there_are_told(
    server: Server, keys: dict[str, dict[str, str]]
) -> None:
    taken = await server.client.post("/api/keys", headers=keys["admin"], json={"name": "read"})
    missing = await server.client.delete("/api/keys/nobody", headers=keys["admin"])

    assert (taken.status_code, missing.status_code) == (409, 404)
