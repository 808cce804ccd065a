"""The page in a real browser: Debian's chromium, on a real server, which it may not look beyond."""

import os
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, async_playwright

from segue import run_events
from segue.records import FlowRun, TaskRun
from segue.records.work import Deployment, WorkPool
from segue.server.page import FOLDER
from segue.server.page import Page as Files
from segue.server.wiring import wired
from segue.settings import load_settings
from segue.states import State
from segue_events import SystemClock

from ..server.conftest import Server, serving

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
# No name is looked up: whatever is not on this machine cannot be reached.
ARGUMENTS = ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--disable-background-networking"]


@pytest.fixture(scope="session", autouse=True)
def is_possible() -> None:
    """Without a browser or the built page there is nothing to test; where all has to be tested, that is a failure."""
    missing = [
        sentence
        for sentence, is_there in (
            ("There is no chromium (on Debian: apt-get install chromium).", CHROMIUM),
            ("The page is not built (make ui).", (FOLDER / "index.html").is_file()),
        )
        if not is_there
    ]
    if missing and os.environ.get("CI"):
        pytest.fail(" ".join(missing))
    if missing:
        pytest.skip("THE PAGE IS NOT TESTED. " + " ".join(missing))


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on a new database, with the page, which lets everybody in."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    async with wired(loaded, SystemClock(), page=Files.load()) as wiring, serving(wiring) as running:
        yield running


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The tests of a file run in one loop, since they share a browser; other files' tests have loops of their own."""
    return "asyncio"


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser, in which each test has cookies and pages of its own."""
    # Its sandbox is not to be had by root.
    arguments = [*ARGUMENTS, "--no-sandbox"] if os.geteuid() == 0 else ARGUMENTS
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        await browser.close()


@dataclass
class Tab:
    """The page in a browser, and all that went wrong in it."""

    page: Page
    server: Server
    wrong: list[str] = field(default_factory=list[str])

    async def show(self, path: str = "/") -> None:
        """Go to a path of the page, from anywhere."""
        await self.page.goto(f"{self.server.url}/#{path}")

    def text(self, text: str) -> Locator:
        """Where this text is shown, the first of it."""
        return self.page.get_by_text(text).first

    async def sees(self, *texts: str) -> None:
        """Wait until each of these texts is there."""
        for text in texts:
            await self.text(text).wait_for()

    def watch(self) -> None:
        """Write down what must not happen, whatever is shown: errors, scripts that ask, requests to elsewhere."""
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("console", self._heard)
        self.page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        # Of the policy's violations too, the console tells.
        if message.type == "error":
            self.wrong.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc != f"127.0.0.1:{self.server.port}":
            self.wrong.append(f"request: {request.url}")


@pytest.fixture
async def tab(browser: Browser, server: Server) -> AsyncIterator[Tab]:
    """A tab of the page, in which nothing may go wrong."""
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    tab = Tab(await context.new_page(), server)
    tab.watch()
    yield tab
    await context.close()
    assert tab.wrong == []


async def enter(server: Server, run: FlowRun | TaskRun, state: State[Any]) -> None:
    """Record that a run has come to another state."""
    run.enter(state)
    said = run_events.task_run_state(run, state) if isinstance(run, TaskRun) else run_events.flow_run_state(run, state)
    await server.record(said)


async def deployed(server: Server, **more: Any) -> Deployment:
    """Save a deployment in a pool of its own, unless told otherwise."""
    known = {
        "id": "",
        "name": "nightly",
        "flow_name": "etl",
        "entrypoint": "flows/etl.py:etl",
        "pool": "my-pool",
        **more,
    }
    if known["pool"]:
        await server.wiring.work.save_pool(WorkPool(name=known["pool"]))
    return await server.wiring.work.save_deployment(Deployment(**known))
