"""A flow fails, and a rule has a deployment run: from the engine's process by way of the notifier's to the line."""

import asyncio
import sys
from pathlib import Path

from msgspec.structs import replace

from segue.records.work import Deployment, WorkPool
from segue.settings import Settings
from segue.work.session import open_work
from segue_events import Bus, Event, Filter
from segue_events.journal.sqlite import SqliteJournal

RULES = """
rules:
  clean-up:
    on: {kinds: flow-run.failed, flows: load}
    actions:
    - {action: run-deployment, deployment: tidy/nightly, parameters: {failed: "{{ flow_run.name }}"}}
"""

LOAD = """
from segue import flow

@flow(flow_run_name="monday")
def load():
    raise ValueError("no data")

load()
"""


async def test_a_failed_run_has_a_deployment_run(segue_home: Path) -> None:
    settings = Settings(home=segue_home)
    async with open_work(settings) as work:
        await work.save_pool(WorkPool(name="pool"))
        await work.save_deployment(
            Deployment(id="", name="nightly", flow_name="tidy", entrypoint="x.py:f", pool="pool")
        )
    settings.notify_file.write_text(RULES)

    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LOAD, stderr=asyncio.subprocess.DEVNULL)
    await process.wait()

    events: list[Event] = []
    async with SqliteJournal(settings.database) as journal, Bus(journal) as bus, asyncio.timeout(50):
        wanted = Filter(kinds=("flow-run.scheduled", "action.*"))
        async with bus.subscribe(wanted, after=replace(await journal.head(), seq=0)) as batches:
            while len(events) < 2:
                events += await anext(batches)

    scheduled, done = events
    assert (scheduled.kind, scheduled.payload["parameters"]) == ("flow-run.scheduled", {"failed": "monday"})
    assert (done.kind, done.payload["action"]) == ("action.done", "run-deployment")
