"""The page and hostile runs: whatever they are called, it is text; and who has no key sees nothing."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from segue import states
from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.page import Page as Files
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import Event, SystemClock

from ..server.conftest import Server, serving
from .conftest import Tab, enter

HOSTILE = (
    '"><img src=x onerror=alert(1)><script>alert(2)</script>',
    "javascript:alert(3)//",
    "{@html '<svg onload=alert(4)>'} ${alert(5)}",
    "\u202egnitirw\u202c \x1b]8;;javascript:alert(6)\x07link\x1b]8;;\x07",
    "__proto__",
)


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_text_wherever_they_are_shown(tab: Tab, server: Server, name: str) -> None:
    now = server.wiring.clock.now_us()
    run = await server.flow_run(
        states.Running(occurred=now, name=name),
        states.Failed(message=name, name=name, occurred=now + 5, data=ValueError(name)),
        name=name,
        flow_name=name,
        flow_version=name,
        tags=(name, name),
        parameters={name: name},
        entrypoint=name,
        created=now,
    )
    failed = states.Failed(message=name, name=name, occurred=now + 3)
    task = await server.task_run(run.id, failed, name=name, task_name=name, tags=(name,), created=now)
    await server.log(task, name, level=40)
    await server.record(Event(kind="thing.happened", run=run.id, subject=name, payload={name: name}))

    for path in (
        "/",
        "/runs",
        f"/runs/{run.id}",
        *(f"/runs/{run.id}/{tab_name}" for tab_name in ("graph", "tasks", "logs", "events", "details")),
        "/flows",
        "/events",
    ):
        await tab.show(path)
        shown = tab.page.locator("main").get_by_text(name.strip("\u202e")[:5]).filter(visible=True)
        await shown.first.wait_for()
    for path in ("/flows", "/runs"):
        await tab.show(path)
        await tab.page.get_by_role("listitem").get_by_role("link").first.click()
        await tab.page.get_by_role("heading", level=1).wait_for()

    assert await tab.page.locator("main img, main script, main [onload]").count() == 0


async def test_a_script_that_got_into_the_page_would_not_run(tab: Tab, server: Server) -> None:
    await tab.show()
    await tab.sees("Dashboard")

    await tab.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.ran = true";
            document.body.append(script);
            const picture = document.createElement("div");
            picture.innerHTML = "<img src=x onerror='window.ran = true' style='position: fixed'>";
            document.body.append(picture);
        }"""
    )

    assert await tab.page.evaluate("window.ran") is None
    assert await tab.page.evaluate("getComputedStyle(document.querySelector('img')).position") == "static"
    assert any("Content Security Policy" in one for one in tab.wrong)
    tab.wrong.clear()


@pytest.fixture
async def guarded(browser: Browser) -> AsyncIterator[Tab]:
    """A tab of the page on a server that asks for keys."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    clock = SystemClock()
    access = Authentication(KeysFile(loaded.settings.database), clock, required=True)
    parts = wired(loaded, clock, access=access, authentication=access, page=Files.load())
    async with parts as wiring, serving(wiring) as running:
        context = await browser.new_context()
        yield Tab(await context.new_page(), running)
        await context.close()


async def test_a_key_lets_in_and_logging_out_shuts_again(guarded: Tab) -> None:
    server = guarded.server
    key = server.wiring.authentication.keys.create("ada", "admin", now=0, expires=None)
    await server.flow_run(states.Running(occurred=20), name="shy-swan")
    await guarded.show("/runs")

    await guarded.page.get_by_label("API key").fill("sgk_wrong")
    await guarded.page.get_by_role("button", name="Log in").click()
    await guarded.page.get_by_role("alert").wait_for()
    await guarded.page.get_by_label("API key").fill(key)
    await guarded.page.get_by_role("button", name="Log in").click()
    await guarded.sees("shy-swan")
    await guarded.show("/settings")
    await guarded.page.get_by_role("button", name="Log out").click()

    await guarded.page.get_by_label("API key").wait_for()
    await guarded.show("/runs")
    await guarded.page.get_by_label("API key").wait_for()
    assert await guarded.page.get_by_text("shy-swan").count() == 0


async def test_a_session_may_change_what_its_key_allows(guarded: Tab) -> None:
    server = guarded.server
    key = server.wiring.authentication.keys.create("ops", "run", now=0, expires=None)
    run = await server.flow_run(states.Running(occurred=20), name="long-lynx")
    await guarded.show(f"/runs/{run.id}")
    await guarded.page.get_by_label("API key").fill(key)
    await guarded.page.get_by_role("button", name="Log in").click()

    await guarded.page.get_by_role("button", name="Cancel").click()
    await guarded.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()

    await guarded.sees("long-lynx asked to stop.")
    await enter(server, run, states.Cancelled(occurred=50))
    await guarded.sees("Cancelled")
    assert await guarded.page.get_by_role("button", name="Delete").count() == 0
