"""A run fails, and people hear of it: from the engine's process by way of the notifier's to a real receiver."""

import asyncio
import base64
import fcntl
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio.to_thread
import msgspec
import pytest

from segue.notify.assignment import Assignment
from segue.notify.starter import ensure_running, watch_events
from segue.settings import Settings
from segue_events import Bus, Event, Filter, SystemClock
from segue_events.journal.sqlite import SqliteJournal
from segue_notifiers.testing import Receiver

CANARY = "c4n4ry-t0ken"

ETL = """
from segue import flow

@flow
def etl(day, api_key):
    raise ValueError(f"there is no day {day}")

etl("2026-11-24", "k3y-0f-the-user")
"""


class House:
    """A segue home, scripts that run in it, and the notifiers they start."""

    def __init__(self, home: Path, *urls: str, timeout: float = 30.0) -> None:
        home.mkdir(exist_ok=True)
        self.settings = Settings(
            home=home, notify_urls=urls, notify_timeout_seconds=timeout, notify_allow_networks=("127.0.0.0/8",)
        )
        self.files = Assignment(settings=self.settings, folder=home)

    def environment(self) -> dict[str, str]:
        """What processes find around them."""
        return {
            **os.environ,
            "SEGUE_HOME": str(self.settings.home),
            "SEGUE_NOTIFY_URLS": " ".join(self.settings.notify_urls),
            "SEGUE_NOTIFY_TIMEOUT_SECONDS": str(self.settings.notify_timeout_seconds),
            "SEGUE_NOTIFY_ALLOW_NETWORKS": "127.0.0.0/8",
        }

    async def run(self, script: str, folder: Path | None = None) -> str:
        """Run the script in a process of its own, started in a folder, until it ends; return what it wrote."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            env=self.environment(),
            cwd=folder or self.settings.home,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode()

    async def told(self, count: int = 1) -> list[Event]:
        """Wait until so many events say what came of telling; return all."""
        events: list[Event] = []
        async with SqliteJournal(self.settings.database) as journal, Bus(journal) as bus:
            beginning = msgspec.structs.replace(await journal.head(), seq=0)
            async with bus.subscribe(
                Filter(kinds=("notification.*", "!notification.queued")), after=beginning
            ) as batches:
                while len(events) < count:
                    events += await anext(batches)
        return events

    async def ended(self) -> None:
        """Wait until no notifier runs: it holds its lock to the end."""
        with self.files.lock.open("a") as file:
            await anyio.to_thread.run_sync(fcntl.flock, file, fcntl.LOCK_EX)

    def everything_kept(self) -> str:
        """What all files of the home hold."""
        return "".join(path.read_text("latin-1") for path in self.settings.home.rglob("*") if path.is_file())

    async def events(self, kind: str) -> list[Event]:
        async with SqliteJournal(self.settings.database) as journal:
            return await journal.read(0, Filter(kinds=(kind,)))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


async def test_a_failed_run_is_told_and_the_telling_is_an_event(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, receiver.url(CANARY))

    output = await house.run(ETL)
    [document] = await receiver.received()
    await house.ended()

    assert document["title"].startswith("Flow run etl/")
    assert document["title"].endswith(" failed")
    for line in (
        "ValueError: there is no day 2026-11-24",
        'day = "2026-11-24"',
        "api_key = ********",
        "segue flow-run inspect ",
    ):
        assert line in document["message"]
    [failed] = await house.events("flow-run.failed")
    [sent] = await house.told()
    assert (sent.kind, sent.run, sent.payload["target"]) == ("notification.sent", failed.run, "json-1")
    assert CANARY not in output
    assert CANARY not in house.everything_kept()


async def test_a_target_that_hangs_delays_neither_the_run_nor_another_target(
    receiver: Receiver, segue_home: Path
) -> None:
    """The script ends, and the other target hears, while the first has not answered yet."""
    async with Receiver(status=None) as hanging:
        house = House(segue_home, hanging.url(), receiver.url())

        await house.run(ETL)
        await receiver.received()
        await hanging.received()
        assert [event.payload["target"] for event in await house.told()] == ["json-2"]
        hanging.answer(200)

        assert [event.payload["target"] for event in await house.told(2)] == ["json-2", "json-1"]


async def test_a_subflow_is_told_of_with_the_flow_it_was_called_in(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, receiver.url())

    await house.run(
        """
from segue import flow, task

@task
def fetch():
    raise OSError("no network")

@flow
def load():
    fetch()

@flow
def nightly():
    load()

nightly()
"""
    )
    await house.told()

    assert [title.split("/")[0] for title in receiver.titles()] == ["Flow run nightly"]


async def test_a_failed_task_run_outside_any_flow_is_told(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, receiver.url())

    await house.run("from segue import task\n\n@task\ndef fetch():\n    raise OSError('no network')\n\nfetch()\n")
    [document] = await receiver.received()

    assert document["title"].startswith("Task run fetch")


async def test_an_unknown_scheme_is_an_event_that_shows_no_url(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, f"slak://{CANARY}", receiver.url())

    await house.run(ETL)
    await receiver.received()
    outcomes = {event.payload["target"]: event for event in await house.told(2)}

    failed = outcomes["slak-1"]
    assert failed.kind == "notification.dead"
    assert "slak://" in failed.payload["reason"]
    assert CANARY not in house.files.log.read_text()


async def test_many_failures_at_once_start_one_notifier(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, receiver.url())
    now = SystemClock().now_us()
    long_ago = Event(kind="flow-run.failed", run="old", subject="old", occurred=now - 3_600_000_000)
    failures = [Event(kind="flow-run.failed", run=f"r{n}", subject=f"r{n}", occurred=now) for n in range(20)]
    async with SqliteJournal(house.settings.database) as journal:
        await journal.append([long_ago, *failures])

    # The last failure comes first to start it.
    for failure in reversed(failures):
        ensure_running(house.settings, failure.occurred)
    await house.told(20)

    assert receiver.titles()["Flow run old failed"] == 0
    assert set(receiver.titles().values()) == {1}
    assert len(receiver.documents) == 20


async def test_without_targets_nothing_is_started(segue_home: Path) -> None:
    house = House(segue_home)

    ensure_running(house.settings, 1)

    assert not house.files.lock.exists()


def test_a_notifier_that_cannot_be_started_is_told_once_and_fails_no_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(home=tmp_path / "missing", notify_urls=(f"json://{CANARY}",))

    ensure_running(settings, 1)
    ensure_running(settings, 2)

    [record] = caplog.records
    assert "notifier cannot be started" in record.getMessage()
    assert CANARY not in caplog.text


LATE = """
from segue import flow
from segue.notify.configuration import add_target
from segue.settings import get_current_settings
from segue_notifiers.target import Target

@flow
def etl():
    raise ValueError("no data")

etl(return_state=True)
add_target(get_current_settings(), Target(name="ops", url="URL"))
etl(return_state=True)
"""


async def test_who_is_added_while_a_process_lives_is_told_of_what_fails_in_it(
    receiver: Receiver, segue_home: Path
) -> None:
    house = House(segue_home)

    await house.run(LATE.replace("URL", receiver.url(CANARY, "webhook+http")))
    await receiver.received()
    await house.ended()

    assert receiver.documents[-1]["title"].startswith("Flow run etl/")


async def test_a_rule_that_is_written_while_a_process_lives_is_obeyed_in_it(
    receiver: Receiver, segue_home: Path
) -> None:
    house = House(segue_home)
    async with SqliteJournal(house.settings.database) as journal, Bus(journal) as bus:
        watching = asyncio.create_task(watch_events(bus, house.settings, look=0.01))
        await asyncio.sleep(0)
        house.settings.notify_file.write_text(
            f"targets: {{ops: '{receiver.url(CANARY, 'webhook+http')}'}}\nrules: {{good: {{on: flow-run.completed}}}}"
        )
        while not receiver.requests:
            bus.publish(Event(kind="flow-run.completed", run="r", subject="r"))
            await asyncio.sleep(0.01)
        watching.cancel()
    await house.ended()

    assert receiver.documents[0]["title"] == "Flow run r completed"


HOOKED = """
from segue import flow, notify_on_failure

@flow(on_failure=[notify_on_failure("URL")])
def load():
    raise ValueError("no data")

@flow
def other():
    raise ValueError("no data")

for run in (other, load):
    run(return_state=True)
"""


async def test_a_flow_s_own_hook_tells_of_that_flow_and_of_no_other(receiver: Receiver, segue_home: Path) -> None:
    """Nothing else is configured; the URL stands in no file that others may read, and in no event."""
    house = House(segue_home)

    output = await house.run(HOOKED.replace("URL", receiver.url(CANARY)))
    await receiver.received()
    [sent] = await house.told()

    assert [title.split("/")[0] for title in receiver.titles()] == ["Flow run load"]
    assert sent.payload["target"].startswith("load-")
    assert CANARY not in output
    assert CANARY not in str(sent) + house.files.log.read_text()


async def test_a_notifier_that_runs_hears_of_a_hook(receiver: Receiver, segue_home: Path) -> None:
    async with Receiver() as other:
        house = House(segue_home, other.url())
        await house.run(ETL)
        await other.received()

        await house.run(HOOKED.replace("URL", receiver.url()))
        await receiver.received()
        await house.told(4)

    assert [title.split("/")[0] for title in receiver.titles()] == ["Flow run load"]
    assert len(other.documents) == 3


RULES = """
targets:
  ops: {url: URL, tags: oncall}
  hook: {url: "HOOK", secret: s3cret}
rules:
  finished:
    on: {kinds: flow-run.completed, flows: good}
    notify: oncall
    actions:
    - {action: notify, tags: [oncall], title: "{{ flow_run.name }} is done", attach: [log]}
    - {action: call-webhook, target: hook}
"""

GOOD = """
from segue import flow, get_run_logger

@flow(flow_run_name="monday")
def good():
    get_run_logger().info("it is monday")

good()
"""


async def test_rules_of_a_file_tell_and_act(receiver: Receiver, segue_home: Path) -> None:
    async with Receiver() as hook:
        house = House(segue_home)
        rules = RULES.replace("URL", receiver.url(scheme="webhook+http").rstrip("/") + "/x")
        rules = rules.replace("    notify: oncall\n", "").replace("HOOK", hook.url(scheme="webhook+http"))
        house.settings.notify_file.write_text(rules)

        await house.run(GOOD)
        [message] = await receiver.received()
        [posted] = await hook.received()

    assert message["title"] == "monday is done"
    [log] = message["attachments"]
    assert b"it is monday" in base64.b64decode(log["content"])
    assert posted["flow"] == {"name": "good"}
    assert posted["rule"] == {"name": "finished"}


async def test_rules_of_the_folder_that_runs_start_in_tell(
    receiver: Receiver, segue_home: Path, tmp_path: Path
) -> None:
    """Also where the notifier was started in another one."""
    async with Receiver() as first:
        house = House(segue_home, first.url())
        await house.run(ETL)
        await first.received()
        project = tmp_path / "project"
        project.mkdir()
        (project / "segue.toml").write_text(
            f'[notify.targets.team]\nurl = "{receiver.url()}"\ntags = "team"\n'
            '[notify.rules.done]\non = "completed"\nnotify = "team"\n'
        )

        await house.run(GOOD, folder=project)
        await receiver.received()

    assert [title.split(" ")[2] for title in receiver.titles()] == ["good/monday"]


async def test_a_rule_that_is_written_while_a_notifier_runs_counts(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, "log://")
    await house.run(ETL)
    await house.told()

    house.settings.notify_file.write_text(
        f"targets: {{ops: '{receiver.url()}'}}\nrules: {{mine: {{on: {{states: Completed, flows: good}}}}}}"
    )
    await house.run(GOOD)
    await receiver.received()

    assert [title.split(" ")[2] for title in receiver.titles()] == ["good/monday"]


async def test_a_notifier_that_serves_ends_when_it_is_asked_to(receiver: Receiver, segue_home: Path) -> None:
    house = House(segue_home, receiver.url())
    serving = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from segue.notify.process import serve\nfrom segue.settings import get_current_settings\n"
        "raise SystemExit(serve(get_current_settings()))",
        env=house.environment(),
        stderr=asyncio.subprocess.PIPE,
    )
    await house.run(ETL)
    await receiver.received()

    serving.terminate()

    assert await serving.wait() == 0


async def test_a_notifier_whose_database_is_deleted_ends_although_a_message_waits(segue_home: Path) -> None:
    async with Receiver(status=500) as failing:
        house = House(segue_home, failing.url())
        await house.run(ETL)
        await failing.received()
        with house.files.lock.open("a") as file:
            shutil.rmtree(segue_home)

            # It holds this lock to its end, and would try to bring the message for a day.
            await anyio.to_thread.run_sync(fcntl.flock, file, fcntl.LOCK_EX)

        assert not house.files.lock.exists()
