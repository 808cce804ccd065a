"""A batch of runs under workers and a server that are killed at random moments: each run ends as it should."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.records import FlowRun
from segue.records.work import LEASE_SECONDS, Deployment, RunRequest, WorkPool
from segue.settings import temporary_settings
from segue.states import StateType
from segue.store import Store
from segue.tables import projections
from segue.work.local import LocalWork
from segue.work.session import open_work
from segue_events import Bus, Event, SystemClock
from segue_events.journal.sqlite import SqliteJournal

from .server_process import Server

pytestmark = pytest.mark.timeout(240)

# Each run says when it begins and ends, and holds a lock of its own in between: who finds that held is the second one.
FLOWS = """
import fcntl, os, pathlib, threading
from segue import flow, runtime

@flow
def short(folder: str, seconds: float):
    run = runtime.flow_run.id
    def say(word):
        with open(pathlib.Path(folder) / "ledger", "a") as ledger:
            ledger.write(f"{run} {word}\\n")
    with open(pathlib.Path(folder) / f"{run}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("overlaps")
        say("begins")
        threading.Event().wait(seconds)
        say("ends")
"""
RUNS = 60
FINAL = {"flow-run.completed", "flow-run.failed", "flow-run.crashed", "flow-run.cancelled"}


class Scene:
    """A server and a worker, each in a process of its own; the folder is in the environment of all that they start."""

    def __init__(self, folder: Path, server: Server) -> None:
        self.folder = folder
        self.server = server
        self.worker: subprocess.Popen[bytes] | None = None

    def work(self) -> None:
        """Start a worker, if none is there."""
        if self.worker is None:
            command = [sys.executable, "-m", "segue", "worker", "start", "--pool", "field", "--limit", "4"]
            environment = {**os.environ, "SEGUE_API_URL": self.server.url, "SEGUE_HOME": str(self.folder / "worker")}
            with (self.folder / "worker.log").open("ab") as log:
                self.worker = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)

    def kill_worker(self) -> None:
        """Kill the worker, if there is one."""
        if self.worker is not None:
            self.worker.kill()
            self.worker.wait()
            self.worker = None

    async def lose_worker(self) -> None:
        """Kill worker and server; nothing is left of the worker when the time is over that it has to come back."""
        self.kill_worker()
        await self.gone()
        self.server.end()
        clock = SystemClock()
        async with (
            SqliteJournal(self.server.home / "segue.db", projections=projections()) as journal,
            Bus(journal) as bus,
        ):
            await LocalWork(journal, bus, clock).sweep(clock.now_us() + round(LEASE_SECONDS * 2e6))
        self.server.start()

    async def gone(self) -> None:
        """Wait until no process of the worker's is left."""
        while self.left():
            await SystemClock().sleep(0.05)

    def left(self) -> list[int]:
        """The processes that the worker has started, and so on."""
        home = f"SEGUE_HOME={self.folder / 'worker'}\0".encode()
        return [pid for pid, environ in _environments() if home in environ]

    def ledger(self) -> Counter[tuple[str, str]]:
        """How often which run has said which word."""
        file = self.folder / "ledger"
        told = file.read_text().splitlines() if file.exists() else []
        return Counter((run, word) for run, _, word in (line.partition(" ") for line in told))

    async def ends(self) -> dict[str, list[Event]]:
        """The events that end runs, by the runs."""
        ended: dict[str, list[Event]] = {}
        for event in await self.server.events():
            if event.kind in FINAL:
                ended.setdefault(event.run, []).append(event)
        return ended

    async def recorded(self) -> dict[str, StateType]:
        """The states that runs are in."""
        async with SqliteJournal(self.server.home / "segue.db", projections=projections(), read_only=True) as journal:
            runs = Store(journal).runs
            return {run: (await runs.flow_run(run)).state.type for run in await self.ends()}


def _environments() -> Iterator[tuple[int, bytes]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                yield int(folder.name), (folder / "environ").read_bytes()
        except OSError:
            continue


@pytest.fixture
def scene(tmp_path: Path, segue_home: Path) -> Iterator[Scene]:
    """A server that is up; nothing outlives the test."""
    (tmp_path / "flows.py").write_text(FLOWS)
    made = Scene(tmp_path, Server(tmp_path / "server"))
    made.server.start()
    try:
        yield made
    finally:
        made.kill_worker()
        made.server.end()
        for pid in made.left():
            os.kill(pid, signal.SIGKILL)


async def asked(scene: Scene, randoms: random.Random) -> list[FlowRun]:
    """Have a flow run many times, for a moment each."""
    with temporary_settings({"api_url": scene.server.url}) as settings:
        async with open_work(settings, SystemClock()) as work:
            await work.save_pool(WorkPool(name="field"))
            deployment = await work.save_deployment(
                Deployment(
                    id="",
                    name="it",
                    flow_name="short",
                    entrypoint="flows.py:short",
                    path=str(scene.folder),
                    pool="field",
                    parameters={"folder": str(scene.folder)},
                )
            )
            return [
                await work.create_run(
                    RunRequest(deployment_id=deployment.id, parameters={"seconds": randoms.uniform(0.0, 0.6)})
                )
                for _ in range(RUNS)
            ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
async def test_each_run_of_a_batch_ends_whoever_is_killed_meanwhile(scene: Scene, seed: int) -> None:
    """No run goes twice at the same time, what says that it has completed has done so, and no process is left."""
    randoms = random.Random(seed)
    runs = {run.id for run in await asked(scene, randoms)}
    faults = randoms.sample(["server"] * 3 + ["worker"] * 2, 5)
    # In the midst of the runs, however fast they are: when so much was said, and a moment later.
    for fault, said in zip(faults, sorted(randoms.sample(range(2, 3 * RUNS // 2), 5)), strict=True):
        scene.work()
        while scene.ledger().total() < said and set(await scene.ends()) != runs:
            await SystemClock().sleep(0.05)
        await SystemClock().sleep(randoms.uniform(0.0, 0.3))
        if fault == "server":
            scene.server.end()
            scene.server.start()
        else:
            await scene.lose_worker()
    scene.work()
    while set(ended := await scene.ends()) != runs:
        await SystemClock().sleep(0.2)
    scene.kill_worker()
    await scene.gone()

    told, recorded = scene.ledger(), await scene.recorded()
    assert set(recorded.values()) <= {StateType.COMPLETED, StateType.CRASHED}
    assert [run for run in runs if told[run, "overlaps"]] == []
    assert [run for run in runs if recorded[run] == StateType.COMPLETED and not told[run, "ends"]] == []
    assert sum(state == StateType.COMPLETED for state in recorded.values()) >= RUNS // 2
    # Only what a run has said itself, and was sent late, comes after an end: that its worker was lost.
    late = [ends for ends in ended.values() if len(ends) > 1]
    assert [ends for ends in late if len(ends) > 2 or "sign of life" not in ends[0].payload["message"]] == []
