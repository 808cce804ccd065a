"""Workers and runs that are killed, stopped, or want too much: every run ends once, with a reason, and nothing is left.

All of it with real processes; nothing here depends on how fast they are.
"""

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from segue.records.work import LEASE_SECONDS, Deployment, RunRequest, WorkPool
from segue.services.leases import is_alive
from segue.settings import load_settings
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, Event, Filter, SystemClock
from segue_events.journal.sqlite import SqliteJournal

pytestmark = pytest.mark.timeout(240)

FLOWS = """
import os, pathlib, resource, signal, subprocess
from segue import flow

@flow
def wait(file: str):
    child = subprocess.Popen(["sleep", "3600"], start_new_session=True)
    pathlib.Path(file).write_text(f"{os.getpid()} {child.pid}")
    while True:
        signal.pause()

@flow
def count(file: str):
    with open(file, "a") as ledger:
        ledger.write("x\\n")

@flow
def greedy():
    resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
    os.kill(os.getpid(), signal.SIGKILL)
"""

ENDS = ("completed", "failed", "crashed", "cancelled")


class Field:
    """A journal with a pool, and workers in processes of their own."""

    def __init__(self, folder: Path, journal: SqliteJournal, bus: Bus) -> None:
        self.folder = folder
        self.journal = journal
        self.work = LocalWork(journal, bus, SystemClock())
        self.workers: list[subprocess.Popen[bytes]] = []

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        command = [sys.executable, "-m", "segue", "worker", "start", "--pool", "field", *options]
        self.workers.append(subprocess.Popen(command, cwd=self.folder, start_new_session=True))
        return self.workers[-1]

    async def asked(self, flow: str, times: int = 1, **parameters: Any) -> list[str]:
        """Have a flow run so many times; return the ids."""
        deployment = await self.work.save_deployment(
            Deployment(
                id="",
                name="it",
                flow_name=flow,
                entrypoint=f"flows.py:{flow}",
                path=str(self.folder),
                pool="field",
                job_variables={"warm": False},
            )
        )
        request = RunRequest(deployment_id=deployment.id, parameters=parameters)
        return [(await self.work.create_run(request)).id for _ in range(times)]

    async def events(self, run_id: str) -> list[Event]:
        """The events about a flow run itself."""
        found = await self.journal.read(filter=Filter(runs=(run_id,)))
        return [event for event in found if event.subject == run_id and event.kind.startswith("flow-run.")]

    async def ends(self, run_id: str) -> list[Event]:
        """Those of its events that end it, once there is one."""
        while not (ended := [one for one in await self.events(run_id) if one.kind.removeprefix("flow-run.") in ENDS]):
            await SystemClock().sleep(0.05)
        return ended


@pytest.fixture
async def field(tmp_path: Path, segue_home: Path) -> AsyncIterator[Field]:
    """A pool in this test's home; no worker outlives the test."""
    (tmp_path / "flows.py").write_text(FLOWS)
    database = load_settings().settings.database
    database.parent.mkdir(parents=True, exist_ok=True)
    async with SqliteJournal(database, projections=projections()) as journal, Bus(journal) as bus:
        made = Field(tmp_path, journal, bus)
        await made.work.save_pool(WorkPool(name="field"))
        try:
            yield made
        finally:
            for worker in made.workers:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
                worker.wait()


async def until(condition: Callable[[], Any]) -> Any:
    """Wait until something is so."""
    while not (found := condition()):
        await SystemClock().sleep(0.05)
    return found


async def pids_in(file: Path) -> list[int]:
    """The processes that a run has told of."""
    return [int(pid) for pid in (await until(lambda: file.exists() and file.read_text())).split()]


async def test_nothing_outlives_a_worker_that_is_killed(field: Field) -> None:
    """Its run ends, once, and what that has started is gone."""
    worker = field.worker()
    (run,) = await field.asked("wait", file=str(field.folder / "pids"))
    pids = await pids_in(field.folder / "pids")

    worker.kill()
    await until(lambda: not any(map(is_alive, pids)))
    await field.work.sweep(SystemClock().now_us() + round(LEASE_SECONDS * 2e6))

    assert [end.kind for end in await field.ends(run)] == ["flow-run.crashed"]


@pytest.mark.slow
async def test_a_worker_that_stands_still_loses_its_run_before_others_take_over(field: Field) -> None:
    """The guardian ends the run while the worker is stopped; when that goes on, it records nothing more."""
    worker = field.worker()
    (run,) = await field.asked("wait", file=str(field.folder / "pids"))
    pids = await pids_in(field.folder / "pids")

    worker.send_signal(signal.SIGSTOP)
    await until(lambda: not any(map(is_alive, pids)))
    await field.work.sweep(SystemClock().now_us() + round(LEASE_SECONDS * 2e6))
    worker.send_signal(signal.SIGCONT)
    worker.terminate()
    await until(lambda: worker.poll() is not None)

    assert [end.kind for end in await field.ends(run)] == ["flow-run.crashed"]


@pytest.mark.slow
async def test_a_run_that_stands_still_goes_on_afterwards(field: Field) -> None:
    """It is the worker that gives signs of life: a run that cannot is none the worse for it."""
    field.worker()
    (run,) = await field.asked("wait", file=str(field.folder / "pids"))
    pid, _ = await pids_in(field.folder / "pids")
    os.kill(pid, signal.SIGSTOP)

    (worker,) = [one for one in await field.work.workers() if one.ended is None]
    while (await field.work.workers())[0].seen == worker.seen:
        await SystemClock().sleep(0.1)
    os.kill(pid, signal.SIGCONT)

    assert is_alive(pid)
    assert [one.kind for one in await field.events(run)][-1] == "flow-run.running"


async def test_a_worker_that_is_terminated_lets_its_runs_end(field: Field) -> None:
    """With the grace it was given; then it ends them, and itself as it should."""
    worker = field.worker("--grace", "0")
    (run,) = await field.asked("wait", file=str(field.folder / "pids"))
    pids = await pids_in(field.folder / "pids")

    worker.terminate()
    await until(lambda: worker.poll() is not None)

    assert worker.returncode == 0
    assert [end.kind for end in await field.ends(run)] == ["flow-run.crashed"]
    assert not any(map(is_alive, pids))


async def test_each_run_is_run_once_by_two_workers(field: Field) -> None:
    """Each writes a line; there are as many lines as runs."""
    ledger = field.folder / "ledger"
    runs = await field.asked("count", times=12, file=str(ledger))
    for _ in range(2):
        field.worker("--limit", "3")

    for run in runs:
        assert [end.kind for end in await field.ends(run)] == ["flow-run.completed"]

    assert len(await until(lambda: ledger.read_text().splitlines())) == len(runs)


@pytest.mark.slow
async def test_a_run_of_a_worker_that_was_killed_in_between_is_not_lost(field: Field) -> None:
    """Of many runs and workers that are killed again and again, each run ends once, and none runs twice."""
    ledger = field.folder / "ledger"
    runs = await field.asked("count", times=12, file=str(ledger))
    for _ in range(3):
        worker = field.worker("--limit", "2")
        before = len(ledger.read_text()) if ledger.exists() else 0
        await until(lambda before=before: ledger.exists() and len(ledger.read_text()) > before)
        worker.kill()
        worker.wait()
        await field.work.sweep(SystemClock().now_us() + round(LEASE_SECONDS * 2e6))
    field.worker("--limit", "2")

    ends = [await field.ends(run) for run in runs]

    assert [len(end) for end in ends] == [1] * len(runs)
    assert len(ledger.read_text().splitlines()) <= len(runs)


async def test_a_run_that_is_killed_for_memory_says_so(field: Field) -> None:
    """The signal, what that means as a rule, and how much memory it had."""
    field.worker()
    (run,) = await field.asked("greedy")

    (end,) = await field.ends(run)

    assert end.kind == "flow-run.crashed"
    assert "SIGKILL" in end.payload["message"]
    assert "memory" in end.payload["message"]
    assert "MiB" in end.payload["message"]
