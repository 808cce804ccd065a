"""Artifacts on the page: shown as what they are, live, and hostile ones as text."""

from typing import Any

from segue import states
from segue.artifact_events import artifact_deleted, artifact_told
from segue.records import FlowRun
from segue.records.artifacts import Artifact, ArtifactType
from segue_events import new_id

from ..server.conftest import Server
from .conftest import Tab

PIXEL = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SCRIPTED = (
    "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(2)</script></svg>"
)
MARKUP = '"><img src=x onerror=alert(3)><script>alert(4)</script>'
HOSTILE: tuple[tuple[ArtifactType, Any], ...] = (
    ("markdown", f"{MARKUP}\n\n[one](javascript:alert(5)) <javascript:alert(6)> **bold <b onclick=alert(7)>**"),
    (
        "markdown",
        "![two](https://example.com/a.png)\n\n<iframe src=https://example.com></iframe> <svg/onload=alert(8)>",
    ),
    ("table", [{MARKUP: MARKUP, "__proto__": "three", "constructor": {MARKUP: [MARKUP]}}]),
    ("table", {"not": "a table"}),
    ("table", [["[four](javascript:alert(9))"], None, 5]),
    ("link", "[five](<javascript:alert(10)>)"),
    ("link", f"[{MARKUP}](<https://example.com/b>)"),
    ("image", "javascript:alert(11)//six"),
    ("image", "https://example.com/seven.png"),
    ("image", "data:text/html,<script>alert(12)</script>eight"),
    ("image", SCRIPTED),
    ("progress", "nine"),
    ("progress", 1e308),
)


async def running(server: Server) -> FlowRun:
    """Record a flow run that goes on."""
    now = server.wiring.clock.now_us()
    return await server.flow_run(states.Running(occurred=now), created=now)


async def leave(server: Server, run: FlowRun, data: Any, kind: ArtifactType = "markdown", **more: Any) -> Artifact:
    """Record that a run left an artifact."""
    now = server.wiring.clock.now_us()
    known = {"id": new_id(), "type": kind, "data": data, "created": now, "updated": now, **more}
    one = Artifact(flow_run_id=run.id, **known)
    await server.record(artifact_told(one, again="id" in more))
    return one


async def test_a_run_shows_what_it_leaves_as_it_leaves_it(tab: Tab, server: Server) -> None:
    run = await running(server)
    await tab.show(f"/runs/{run.id}/artifacts")
    await tab.sees("This run has left no artifacts yet", "Live")

    await leave(server, run, "# RMSE\n\n**4.2** minutes", key="rmse-report", description="How far off")
    await leave(server, run, [{"month": "may", "rows": 3}], "table", key="rows")
    await leave(server, run, [[1, "x"]], "table", key="lists")
    await leave(server, run, r"[the \[page\]](<https://example.com/there_(is)>)", "link", key="link")
    await leave(server, run, PIXEL, "image", key="image", description="A dot")

    report = tab.page.get_by_role("article", name="rmse-report")
    await report.get_by_role("heading", name="RMSE", exact=True).wait_for()
    await tab.sees("How far off", "4.2")
    assert await tab.page.get_by_role("columnheader").all_inner_texts() == ["month", "rows"]
    await tab.page.get_by_role("cell", name="may").wait_for()
    await tab.page.get_by_role("cell", name="x").wait_for()
    assert (
        await tab.page.get_by_role("link", name="the [page]").get_attribute("href") == "https://example.com/there_(is)"
    )
    await tab.page.get_by_role("img", name="A dot").wait_for()
    assert await tab.page.locator("main article.card > header h2").all_inner_texts() == [
        "image",
        "link",
        "lists",
        "rows",
        "rmse-report",
    ]


async def test_progress_moves_while_somebody_looks(tab: Tab, server: Server) -> None:
    run = await running(server)
    bar = tab.page.get_by_role("progressbar", name="Rows")
    for path in (f"/runs/{run.id}/artifacts", "/artifacts", "/artifacts/loaded"):
        left = await leave(server, run, 10.0, "progress", key="loaded", description="Rows")
        await tab.show(path)
        await tab.sees("10 %", "Live")

        await leave(server, run, 62.5, "progress", id=left.id)

        await tab.sees("62.5 %")
        assert await bar.first.get_attribute("aria-valuenow") == "62.5"
        await server.record(artifact_deleted(left, left.updated + 1))
        await bar.first.wait_for(state="detached")


async def test_the_latest_of_each_key_is_listed_and_found_by_its_key(tab: Tab, server: Server) -> None:
    run = await running(server)
    await leave(server, run, "first report", key="report")
    await leave(server, run, 50.0, "progress", key="loaded")
    await leave(server, run, "of no key")
    await tab.show("/")
    await tab.page.get_by_role("link", name="Artifacts").click()
    await tab.sees("first report", "50 %")

    await leave(server, run, "second report", key="report")
    await tab.sees("second report")
    assert await tab.page.get_by_text("first report").count() == 0
    assert await tab.page.get_by_text("of no key").count() == 0

    await tab.page.get_by_label("Search artifacts").fill("Load")
    await tab.page.get_by_text("second report").wait_for(state="detached")
    await tab.sees("50 %")
    await tab.page.get_by_label("Search artifacts").fill("nothing")
    await tab.sees("No artifact matches")
    await tab.page.get_by_label("Search artifacts").fill("")
    await tab.page.get_by_label("Type", exact=True).select_option("markdown")
    await tab.sees("second report")
    await tab.page.get_by_text("50 %").wait_for(state="detached")


async def test_a_keys_history_is_shown_and_two_of_it_side_by_side(tab: Tab, server: Server) -> None:
    run = await running(server)
    for number in range(3):
        await leave(server, run, f"version {number}", key="report")
    await tab.show("/artifacts")
    await tab.page.get_by_role("link", name="report").click()
    await tab.sees("version 0", "version 1", "version 2", "The latest")

    await tab.page.get_by_label("Compare the latest with").select_option(index=2)

    await tab.page.get_by_text("version 1").wait_for(state="detached")
    boxes = [await tab.page.locator("main article.card").nth(at).bounding_box() for at in range(2)]
    assert None not in boxes
    assert len({box["y"] for box in boxes if box}) == 1
    await tab.sees("version 0", "version 2")

    await tab.page.get_by_role("button", name="Delete The latest").click()
    await tab.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await tab.page.get_by_text("version 2").wait_for(state="detached")
    await tab.sees("version 1")


async def test_of_a_huge_table_the_beginning_is_shown_and_said_to_be_that(tab: Tab, server: Server) -> None:
    run = await running(server)
    await leave(server, run, [{"number": number, "text": "x" * 20} for number in range(10_000)], "table", key="long")
    await leave(server, run, [list(range(3_000))], "table", key="wide")
    await leave(server, run, [], "table", key="empty")
    await tab.show(f"/runs/{run.id}/artifacts")

    await tab.sees("the first 500 of 10,000 rows", "the first 50 of 3,000 columns", "There are no rows")
    assert await tab.page.get_by_role("article", name="long").locator("tbody tr").count() == 500
    assert await tab.page.get_by_role("article", name="wide").locator("td").count() == 50


async def test_hostile_artifacts_do_nothing(tab: Tab, server: Server) -> None:
    run = await running(server)
    for number, (kind, data) in enumerate(HOSTILE):
        await leave(server, run, data, kind, key=f"hostile-{number}", description=MARKUP if number % 2 else "")
    for path in (f"/runs/{run.id}/artifacts", "/artifacts", "/artifacts/hostile-0"):
        await tab.show(path)
        await tab.page.locator("main article.card").first.wait_for()
        await tab.sees(MARKUP)

        main = tab.page.locator("main")
        assert await main.locator("script, iframe, [onload], [onerror], [onclick]").count() == 0
        assert await main.locator("img:not([src^='data:image/'])").count() == 0
        links = await main.locator("a").evaluate_all("all => all.map((one) => one.protocol)")
        assert set(links) <= {"http:", "https:"}
    await tab.show(f"/runs/{run.id}/artifacts")
    await tab.sees("one", "three", "not", "four", "five", "six", "eight", "nine")
    assert await tab.page.get_by_role("link", name="seven.png").get_attribute("rel") == "noopener noreferrer nofollow"
