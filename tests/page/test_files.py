"""The page's files: what is served, under which headers, and what is said where there is nothing."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from httpx2 import ASGITransport

from segue.server.page import POLICY, Page

LONG = b"export const text = 'the same again';\n" * 100


@pytest.fixture(scope="module", autouse=True)
def is_possible() -> None:
    """These tests need neither a browser nor the built page."""


def client(page: Page) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=ASGITransport(app=page), base_url="http://127.0.0.1")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    """A page of three files, beside one that is none of it."""
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_bytes(b"<!doctype html><title>segue</title>")
    (folder / "assets" / "main-1a2b.js").write_bytes(LONG)
    (folder / "icon.svg").write_bytes(b"<svg/>")
    (tmp_path / "secret.js").write_bytes(b"secret")
    async with client(Page.load(folder)) as asked:
        yield asked


async def test_the_page_begins_at_the_root(served: httpx2.AsyncClient) -> None:
    answer = await served.get("/")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


async def test_the_policy_lets_nothing_foreign_in(served: httpx2.AsyncClient) -> None:
    policy = (await served.get("/")).headers["content-security-policy"]

    assert policy == POLICY
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy


async def test_what_is_named_by_its_content_is_kept_for_good(served: httpx2.AsyncClient) -> None:
    answer = await served.get("/assets/main-1a2b.js")

    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_a_browser_that_unpacks_is_sent_less(served: httpx2.AsyncClient) -> None:
    packed = await served.get("/assets/main-1a2b.js", headers={"Accept-Encoding": "br, gzip"})
    plain = await served.get("/assets/main-1a2b.js", headers={"Accept-Encoding": "gzip;q=0, br"})

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.content == plain.content == LONG
    assert int(packed.headers["content-length"]) < len(LONG)
    assert "content-encoding" not in plain.headers


async def test_a_browser_that_has_a_file_is_not_sent_it_again(served: httpx2.AsyncClient) -> None:
    tag = (await served.get("/")).headers["etag"]

    again = await served.get("/", headers={"If-None-Match": f'"other", W/{tag}'})

    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("path", ["/../secret.js", "/%2e%2e/secret.js", "/assets/", "/assets/main.js"])
async def test_what_was_not_built_is_not_served(served: httpx2.AsyncClient, path: str) -> None:
    answer = await served.get(path)

    assert answer.status_code == 404
    assert answer.text == "The page has no such file; it begins at /.\n"


async def test_the_page_takes_no_other_method(served: httpx2.AsyncClient) -> None:
    answer = await served.post("/")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_where_the_page_was_not_built_it_says_how_to_have_it(tmp_path: Path) -> None:
    page = Page.load(tmp_path / "nothing")

    async with client(page) as asked:
        answer = await asked.get("/")

    assert not page.is_built
    assert answer.status_code == 404
    assert "run `make ui`" in answer.text
