"""How soon the page paints, and how evenly a run of 10,000 tasks scrolls: one line of numbers.

It needs chromium, the built page (make ui) and playwright; each figure is the median or the worst of some tries.
"""

import asyncio
import os
import shutil
import socket
import statistics
import tempfile
from pathlib import Path

import uvicorn
from playwright.async_api import Browser, async_playwright

from segue import run_events, states
from segue.records import FlowRun, TaskRun
from segue.server.app import create_app
from segue.server.page import Page
from segue.server.wiring import Wiring, wired
from segue.settings import load_settings
from segue_events import SystemClock, new_id

TASKS = 10_000
TRIES = 5
# As a hand scrolls that is in a hurry: 240 frames from the first row to the last.
SCROLL = """async selector => {
    const box = document.querySelector(selector);
    const frames = [];
    let last = performance.now();
    for (let at = 1; at <= 240; at++) {
        box.scrollTop = (at / 240) * box.scrollHeight;
        await new Promise(requestAnimationFrame);
        frames.push(performance.now() - last);
        last = performance.now();
    }
    return frames;
}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def seed(wiring: Wiring) -> str:
    """Record a flow run with many task runs; return its id."""
    now = wiring.clock.now_us()
    run = FlowRun(id=new_id(), name="large", flow_name="large", created=now)
    wiring.bus.publish(run_events.flow_run_pending(run))
    for at in range(TASKS):
        task = TaskRun(id=new_id(), name=f"task-{at}", task_name="task", flow_run_id=run.id, created=now + at * 1000)
        wiring.bus.publish(run_events.task_run_pending(task))
        for state in (
            states.Running(occurred=now + at * 1000 + 500),
            states.Completed(occurred=now + at * 1000 + 90_000),
        ):
            task.enter(state)
            wiring.bus.publish(run_events.task_run_state(task, state))
        if at % 1000 == 0:
            await wiring.bus.flushed()
    ended = states.Completed(occurred=now + TASKS * 1000)
    wiring.bus.publish(run_events.flow_run_state(run, ended))
    await wiring.bus.flushed()
    return run.id


async def paints(browser: Browser, url: str) -> list[float]:
    """Return when the first content was there, in ms after the request, of browsers that have nothing yet."""
    found: list[float] = []
    for _ in range(TRIES):
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(url)
        await page.get_by_role("heading", name="Dashboard").wait_for()
        found.append(await page.evaluate(PAINT))
        await context.close()
    return found


async def frames(browser: Browser, url: str, ready: str, selector: str) -> list[float]:
    """Return the lengths of the frames of scrolling through a view, in ms."""
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    await page.goto(url)
    await page.get_by_text(ready).first.wait_for()
    await page.evaluate(SCROLL, selector)
    found = await page.evaluate(SCROLL, selector)
    await page.close()
    return found


async def measure(browser: Browser, url: str, run: str) -> None:
    """Print the line."""
    first = await paints(browser, url)
    timeline = await frames(browser, f"{url}/#/runs/{run}", f"{TASKS:,} rows", ".scroll")
    tasks = await frames(browser, f"{url}/#/runs/{run}/tasks", "task-0", ".box")
    print(
        f"page: first paint {statistics.median(first):.0f} ms; {TASKS:,} tasks, frames of"
        f" the timeline {statistics.median(timeline):.1f} ms, longest {max(timeline):.0f} ms,"
        f" of the list {statistics.median(tasks):.1f} ms, longest {max(tasks):.0f} ms"
    )


async def main() -> None:
    """Serve, look, measure."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True, exist_ok=True)
    async with wired(loaded, SystemClock(), page=Page.load()) as wiring, async_playwright() as playwright:
        run = await seed(wiring)
        listener = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(create_app(wiring), ws="websockets-sansio", lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        await measure(browser, f"http://127.0.0.1:{listener.getsockname()[1]}", run)
        await browser.close()
        server.should_exit = True
        await serving


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["SEGUE_HOME"] = str(Path(home) / "home")
        asyncio.run(main())
