"""The page for everybody: axe-core finds nothing on any view, on wide and narrow screens, dark and light."""

from typing import Any

import pytest
from playwright.async_api import Browser

from segue import states
from segue.artifact_events import artifact_told
from segue.records.artifacts import Artifact, ArtifactType
from segue.records.work import Deployment, Limit, RunRequest, Schedule, WorkerInfo, WorkPool, WorkQueue
from segue.server.page import FOLDER
from segue_events import Event, new_id

from ..server.conftest import Server
from .conftest import Tab, deployed

AXE = FOLDER.parents[3] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
DESCRIPTION = """# What it does
Loads **all** `rows`, see [there](https://example.com) and <https://example.com/x>.

#### In steps
1. one
   * and *more*

> quoted

| a | b |
|:--|--:|
| 1 | 2 |

```python
load()
```
"""
SCREENS = [(1440, "light"), (820, "dark"), (390, "light"), (390, "dark")]


async def filled(server: Server) -> list[str]:
    """Record a run with tasks, log lines and a failure; return the paths of all views."""
    now = server.wiring.clock.now_us()
    run = await server.flow_run(
        states.Running(occurred=now),
        states.Failed(message="ValueError: no rows", occurred=now + 9_000_000, data=ValueError("no rows")),
        created=now,
        tags=("nightly",),
        parameters={"day": "monday"},
        entrypoint="flows/etl.py:etl",
    )
    for at, state in enumerate((states.Completed, states.Failed, states.Cancelled, states.Crashed)):
        task = await server.task_run(
            run.id, states.Running(occurred=now + 10), state(occurred=now + 1_000_000), created=now, name=f"task-{at}"
        )
        await server.log(task, "\x1b[31mred\x1b[0m and \x1b[33myellow\x1b[0m", level=10 * (at + 1), occurred=now)
    await server.flow_run(states.Running(occurred=now), created=now)
    await left(server, run.id)
    deployment = await worked(server, run.id)
    return [
        "/",
        "/runs",
        f"/runs/{run.id}",
        *(f"/runs/{run.id}/{name}" for name in ("graph", "tasks", "logs", "artifacts", "events", "details")),
        "/flows",
        "/flows/etl",
        "/flows/etl/grid",
        "/deployments",
        *(f"/deployments/{deployment.id}{part}" for part in ("", "/schedules", "/details")),
        "/work-pools",
        "/work-pools/my-pool",
        "/limits",
        "/artifacts",
        "/artifacts/report",
        "/events",
        "/notifications",
        "/notifications/rules",
        "/settings",
        "/nowhere",
    ]


async def left(server: Server, run_id: str) -> None:
    """Record what a run left to look at, of every type."""
    now = server.wiring.clock.now_us()
    shown: dict[ArtifactType, Any] = {
        "markdown": DESCRIPTION,
        "table": [{"month": f"{number}", "rows": number} for number in range(60)],
        "link": "[there](<https://example.com>)",
        "image": "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
        "progress": 62.5,
    }
    for key in ("report", ""):
        for kind, data in shown.items():
            one = Artifact(
                id=new_id(), type=kind, data=data, key=key and f"{key}-{kind}", flow_run_id=run_id, updated=now
            )
            await server.record(artifact_told(one))
    for text in ("# 1", "# 2"):
        one = Artifact(id=new_id(), type="markdown", data=text, key="report", description="how far off", updated=now)
        await server.record(artifact_told(one))


async def worked(server: Server, holder: str) -> Deployment:
    """Save a deployment with a schedule and a description, have it run, and fill pools, limits and what was told."""
    work, now = server.wiring.work, server.wiring.clock.now_us()
    daily = Schedule(id="daily", cron="0 6 * * *", active=False, parameters={"day": "monday"}, overlap="skip")
    schema = {"type": "object", "properties": {"day": {"type": "string"}, "rows": {"type": "array", "default": [1]}}}
    deployment = await deployed(
        server, description=DESCRIPTION, schedules=(daily,), parameter_schema=schema, tags=("nightly",)
    )
    queues = (WorkQueue(), WorkQueue(name="slow", priority=2, limit=1, paused=True, description="at night"))
    await work.save_pool(WorkPool(name="my-pool", description="Where *all* runs.", queues=queues))
    await work.join(WorkerInfo(id=new_id(), name="keen-kiwi", pool="my-pool", host="here", started=now, seen=now))
    await work.create_run(RunRequest(deployment_id=deployment.id, due=now + 3_600_000_000))
    await work.save_limit(Limit(name="database", slots=2))
    await work.save_limit(Limit(name="idle", slots=2, active=False))
    await work.acquire(["database"], 2, holder)
    told = {"target": "ops", "rule": "failures", "title": "etl failed", "attempt": 1, "reason": "HTTP 500"}
    await server.record(
        *(Event(kind=f"notification.{one}", payload=told) for one in ("queued", "sent", "failed", "dead"))
    )
    return deployment


@pytest.mark.slow
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize(("width", "theme"), SCREENS)
async def test_axe_finds_nothing(browser: Browser, server: Server, width: int, theme: str, half: int) -> None:
    # Each test looks at every other view, so that none takes long.
    paths = (await filled(server))[half::2]
    context = await browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=theme, reduced_motion="reduce"
    )
    tab = Tab(await context.new_page(), server)
    found: list[str] = []

    for path in paths:
        await tab.show(path)
        await tab.page.locator("main > *").first.wait_for()
        await tab.page.wait_for_load_state("networkidle")
        await tab.page.evaluate(AXE.read_text())
        result = await tab.page.evaluate("axe.run({resultTypes: ['violations']})")
        found += [
            f"{path}: {one['id']}: {node['html'][:200]}: {node['failureSummary']}"
            for one in result["violations"]
            for node in one["nodes"]
        ]
    await context.close()

    assert found == []


async def test_no_view_is_wider_than_a_narrow_screen(browser: Browser, server: Server) -> None:
    paths = await filled(server)
    context = await browser.new_context(viewport={"width": 360, "height": 700})
    tab = Tab(await context.new_page(), server)
    wide: list[str] = []

    for path in paths:
        await tab.show(path)
        await tab.page.locator("main > *").first.wait_for()
        await tab.page.wait_for_load_state("networkidle")
        if await tab.page.evaluate(
            "Math.max(document.documentElement.scrollWidth, document.getElementById('main').scrollWidth) > innerWidth"
        ):
            wide.append(path)
    await context.close()

    assert wide == []
