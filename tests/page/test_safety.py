"""The page and hostile runs: whatever they are called, it is text; and who has no key sees nothing."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from segue import states
from segue.records.work import Limit, RunRequest, Schedule, WorkerInfo, WorkPool
from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.page import Page as Files
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import Event, SystemClock, new_id

from ..server.conftest import Server, serving
from .conftest import Tab, deployed, enter

HOSTILE = (
    '"><img src=x onerror=alert(1)><script>alert(2)</script>',
    "javascript:alert(3)//",
    "{@html '<svg onload=alert(4)>'} ${alert(5)}",
    "\u202egnitirw\u202c \x1b]8;;javascript:alert(6)\x07link\x1b]8;;\x07",
    "__proto__",
)


MARKDOWN = """
<script>alert(1)</script><img src=x onerror=alert(2)>
<https://example.com/good> https://example.com/also_good [a](#/runs "title")

[one](javascript:alert(3)) [two](JaVaScRiPt:alert(4)) [three](data:text/html,<script>alert(5)</script>)
[four](  javascript:alert(6)) [five](vbscript:x) [six](//example.com/bad) [seven](/api/login)
[eight](\x01javascript:alert(7))
![nine](https://example.com/picture.png\" onerror=alert(8)) <javascript:alert(9)> [ten]: javascript:alert(10)
&lt;script&gt; **bold <b onclick=alert(1)>**

the end of it
"""


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


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_deployments_pools_and_limits_are_text_too(tab: Tab, server: Server, name: str) -> None:
    work = server.wiring.work
    # In the name of a flow, the server takes some characters only.
    tame = name.translate(str.maketrans("", "", "/%&<>"))
    schema = {"type": "object", "properties": {name: {"type": "string", "description": name, "default": name}}}
    deployment = await deployed(
        server,
        flow_name=tame,
        pool="",
        entrypoint=name,
        path=name,
        description=name,
        version=name,
        tags=(name,),
        parameters={name: name},
        parameter_schema=schema,
        job_variables={name: name},
        schedules=(Schedule(id="daily", cron="0 6 * * *", parameters={name: name}),),
    )
    run = await work.create_run(RunRequest(deployment_id=deployment.id))
    await work.save_pool(WorkPool(name="my-pool", description=name, job_variables={name: name}))
    now = server.wiring.clock.now_us()
    await work.join(WorkerInfo(id=new_id(), name=name, pool="my-pool", host=name, started=now, seen=now))
    await work.save_limit(Limit(name=name, slots=1))
    await work.acquire([name], 1, name)
    told = {"target": name, "rule": name, "title": name, "reason": name}
    await server.record(Event(kind="notification.failed", payload=told))

    one = f"/deployments/{deployment.id}"
    for path in ("/deployments", one, f"{one}/schedules", f"{one}/details", "/limits", "/notifications"):
        await tab.show(path)
        await tab.page.locator("main").get_by_text(name.strip("\u202e")[:5]).filter(visible=True).first.wait_for()
    await tab.show("/work-pools/my-pool")
    await tab.sees("1 of 1 of the last day is there")
    await tab.show(f"/runs/{run.id}")
    await tab.page.get_by_role("button", name="Run again").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Run", exact=True).wait_for()

    assert await tab.page.locator("img, main script, [onload]").count() == 0


async def test_what_markdown_may_not_do(tab: Tab, server: Server) -> None:
    deployment = await deployed(server, description=MARKDOWN)

    await tab.show(f"/deployments/{deployment.id}")

    await tab.sees("the end of it")
    made = tab.page.locator(".markdown")
    links = [await one.get_attribute("href") for one in await made.locator("a").all()]
    assert links == [
        "https://example.com/good",
        "https://example.com/also_good",
        "#/runs",
        'https://example.com/picture.png"',
    ]
    assert await made.locator("img, script, iframe, form, input, style, svg, object, [onerror], [style]").count() == 0
    assert await made.locator("strong").all_inner_texts() == ["bold <b onclick=alert(1)>"]


async def test_markdown_of_any_make_is_read_in_time(tab: Tab, server: Server) -> None:
    for unit in ("[", "](", "![a ", "*a ", "> > > > > > > > > ", "|a\n|-", "\\|", "<http://", "```````a"):
        description = "The beginning.\n\n" + unit * (49_000 // len(unit))
        deployment = await deployed(server, name=f"long-{ord(unit[0])}-{len(unit)}", description=description)

        await tab.show(f"/deployments/{deployment.id}")

        await tab.sees("The beginning.", "It has not run yet")


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


@pytest.fixture(params=[True])
async def guarded(browser: Browser, request: pytest.FixtureRequest) -> AsyncIterator[Tab]:
    """A tab of the page on a server that asks for keys, or, with False, does so as soon as there is one."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    clock = SystemClock()
    access = Authentication(KeysFile(loaded.settings.database), clock, required=request.param)
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


@pytest.mark.parametrize("guarded", [False], indirect=True)
async def test_with_the_first_key_the_page_is_logged_in_and_others_are_asked(guarded: Tab) -> None:
    await guarded.show("/settings")
    await guarded.page.get_by_role("button", name="New key").click()
    dialog = guarded.page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("ada")
    await dialog.get_by_role("button", name="Make the key").click()

    await dialog.locator(".secret").wait_for()
    await dialog.get_by_role("button", name="I have it").click()

    await guarded.sees("Logged in with the key ada, which may admin")
    assert (await guarded.server.client.get("/api/flow-runs")).status_code == 401
