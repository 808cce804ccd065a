"""The page's login: a key becomes a session, which no other page can use, and which ends for good."""

from collections.abc import AsyncIterator

import pytest

from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock

from .conftest import Server, serving


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
def key(server: Server) -> str:
    return server.wiring.authentication.keys.create("page", "admin", now=0, expires=None)


async def logged_in(server: Server, key: str) -> dict[str, str]:
    """Log in; return the headers that a browser sends with the session."""
    answer = await server.client.post("/api/login", json={"key": key})
    assert answer.status_code == 204, answer.text
    # A browser takes a Secure cookie from 127.0.0.1; the client of this test does not.
    server.client.cookies.clear()
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


async def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(server: Server, key: str) -> None:
    answer = await server.client.post("/api/login", json={"key": key})

    name, _, attributes = answer.headers["set-cookie"].partition(";")
    assert name.startswith("__Host-segue=")
    assert {part.strip().lower() for part in attributes.split(";")} == {
        "httponly",
        "max-age=43200",
        "path=/",
        "samesite=strict",
        "secure",
    }


async def test_a_session_reads_by_its_cookie_and_changes_with_its_csrf_value(server: Server, key: str) -> None:
    session = await logged_in(server, key)
    me = (await server.client.get("/api/me", headers=session)).json()
    request = {"name": "other", "scope": "read"}

    without = await server.client.post("/api/keys", headers=session, json=request)
    wrong = await server.client.post("/api/keys", headers={**session, "X-Segue-Csrf": "0" * 64}, json=request)
    right = await server.client.post("/api/keys", headers={**session, "X-Segue-Csrf": me["csrf"]}, json=request)

    assert (me["name"], me["scope"], me["login"]) == ("page", "admin", True)
    assert (without.status_code, wrong.status_code, right.status_code) == (403, 403, 201)


async def test_the_csrf_value_of_one_session_is_none_of_anothers(server: Server, key: str) -> None:
    mine, other = await logged_in(server, key), await logged_in(server, key)
    csrf = (await server.client.get("/api/me", headers=other)).json()["csrf"]

    answer = await server.client.post("/api/logout", headers={**mine, "X-Segue-Csrf": csrf})

    assert answer.status_code == 403


async def test_logging_out_ends_the_session_for_good(server: Server, key: str) -> None:
    session = await logged_in(server, key)
    csrf = (await server.client.get("/api/me", headers=session)).json()["csrf"]

    answer = await server.client.post("/api/logout", headers={**session, "X-Segue-Csrf": csrf})
    after = await server.client.get("/api/me", headers=session)

    assert (answer.status_code, after.status_code) == (204, 401)
    assert "max-age=0" in answer.headers["set-cookie"].lower()


async def test_revoking_the_key_ends_the_session(server: Server, key: str) -> None:
    session = await logged_in(server, key)

    server.wiring.authentication.keys.revoke("page")

    assert (await server.client.get("/api/me", headers=session)).status_code == 401


async def test_what_is_no_key_is_not_let_in(server: Server, key: str) -> None:
    for wrong in ("", "sgk_a_b", "é" * 50, "sgk_" + "x" * 190):
        answer = await server.client.post("/api/login", json={"key": wrong})

        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json"), wrong
        assert "set-cookie" not in answer.headers


async def test_a_form_of_another_page_cannot_log_in(server: Server, key: str) -> None:
    body = f'{{"key": "{key}"}}'

    plain = await server.client.post("/api/login", content=body, headers={"Content-Type": "text/plain"})
    foreign = await server.client.post(
        "/api/login", content=body, headers={"Content-Type": "application/json", "Origin": "http://evil.example"}
    )

    assert (plain.status_code, foreign.status_code) == (415, 403)


async def test_guessing_is_slowed_down_and_the_right_key_still_taken(server: Server, key: str) -> None:
    guesses = [await server.client.post("/api/login", json={"key": f"sgk_00_{n}"}) for n in range(12)]

    assert [guess.status_code for guess in guesses] == [401] * 10 + [429] * 2
    assert int(guesses[-1].headers["retry-after"]) >= 1
    assert (await server.client.post("/api/login", json={"key": key})).status_code == 204


async def test_where_no_key_is_asked_for_there_is_nothing_to_log_in_to() -> None:
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    async with wired(loaded, SystemClock()) as wiring, serving(wiring) as server:
        answer = await server.client.post("/api/login", json={"key": "sgk_a_b"})
        me = (await server.client.get("/api/me")).json()

    assert answer.status_code == 409
    assert me == {"name": "anybody", "scope": "admin", "csrf": None, "login": False}
