"""A worker on a journal: runs that are due are taken, run, and end; it obeys who stops them, and who stops it."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from segue.host import close_hosts
from segue.records.work import Deployment, RunRequest, WorkerInfo
from segue.run_events import flow_run_cancel_requested
from segue.services.leases import Leases, is_alive
from segue.settings import load_settings
from segue.tables import projections
from segue.work.local import LocalWork
from segue.workers.output import run_sink
from segue.workers.process_launcher import process_launcher
from segue.workers.worker import Options, Worker
from segue_events import Bus, SystemClock, new_id
from segue_events.journal.sqlite import SqliteJournal

from .conftest import events, lines, result, states, until, written


class Place:
    """A journal with work in it, and workers that serve it."""

    def __init__(self, project: Path, journal: SqliteJournal, bus: Bus, work: LocalWork) -> None:
        self.project = project
        self.journal = journal
        self.bus = bus
        self.work = work
        self.shown: list[str] = []

    async def deployed(self, flow: str, **more: Any) -> Deployment:
        """Deploy a flow of the project to the pool."""
        known: dict[str, Any] = {"pool": "here", "entrypoint": f"flows.py:{flow}", "path": str(self.project)}
        variables = {"warm": False, **more.pop("job_variables", {})}
        return await self.work.save_deployment(
            Deployment(id=new_id(), name="it", flow_name=flow, job_variables=variables, **{**known, **more})
        )

    async def asked(self, flow: str, parameters: dict[str, Any] | None = None, **more: Any) -> str:
        """Deploy a flow and ask for a run; return its id."""
        deployment = await self.deployed(flow, **more)
        return (await self.work.create_run(RunRequest(deployment_id=deployment.id, parameters=parameters or {}))).id

    def worker(self, name: str = "one", queues: tuple[str, ...] = (), **options: Any) -> Worker:
        """Make a worker of the pool."""
        return Worker(
            self.work,
            process_launcher(load_settings().settings),
            WorkerInfo(id="", name=name, pool="here", queues=queues),
            SystemClock(),
            run_sink(load_settings().settings, lambda _, line: self.shown.append(line)),
            Options(**{"limit": 4, "beat_every": 0.1, **options}),
        )

    async def once(self, **options: Any) -> None:
        """Have a worker run what is due now."""
        with anyio.fail_after(60):
            await self.worker(run_once=True, **options).run()

    async def ends(self, run_id: str) -> None:
        """Wait until a run has ended."""
        await self.reaches(run_id, "completed", "failed", "crashed", "cancelled")

    async def reaches(self, run_id: str, *kinds: str) -> None:
        """Wait until a run comes to a state of one of these kinds."""
        with anyio.fail_after(60):
            while not set(kinds) & set(await states(run_id)):
                await SystemClock().sleep(0.02)


@asynccontextmanager
async def serving(worker: Worker) -> AsyncIterator[None]:
    """Let a worker serve while the block runs; it drains at its end, and is hurried."""
    with anyio.fail_after(90):
        async with anyio.create_task_group() as group:
            group.start_soon(worker.run)
            yield
            worker.drain()
            worker.drain()


@pytest.fixture
async def place(project: Path) -> AsyncIterator[Place]:
    """A journal in this test's home, with a pool that anything may be deployed to."""
    database = load_settings().settings.database
    database.parent.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    async with SqliteJournal(database, projections=projections()) as journal, Bus(journal, clock) as bus:
        work = LocalWork(journal, bus, clock)
        made = Place(project, journal, bus, work)
        await work.join(WorkerInfo(id="", name="nobody", pool="here", ended=1))
        yield made
    await anyio.to_thread.run_sync(close_hosts)


async def test_a_run_that_is_due_is_run(place: Place) -> None:
    """From Scheduled to Completed."""
    run = await place.asked("add", {"a": 20})

    await place.once()

    assert await states(run) == ["scheduled", "claimed", "pending", "running", "completed"]
    assert await result(run) == 42


async def test_what_a_run_prints_is_a_log_line_and_is_shown(place: Place) -> None:
    """Each line once: what the run logs by itself is not logged again."""
    run = await place.asked("talk")

    await place.once()
    await anyio.to_thread.run_sync(close_hosts)

    logged = await lines(run)
    assert [line for line in logged if line in ("printed by the flow", "from a program", "to stderr")] == [
        "printed by the flow",
        "from a program",
        "to stderr",
    ]
    assert sum("logged by the flow" in line for line in logged) == 1
    assert any("logged by the flow" in line for line in place.shown)


async def test_a_process_that_dies_crashes_its_run(place: Place) -> None:
    """The reason says by what; what the run was doing ends with it."""
    run = await place.asked("leave", {"code": 7})

    await place.once()

    last = next(event for event in reversed(await events(run)) if event.subject == run and "flow-run" in event.kind)
    assert last.kind == "flow-run.crashed"
    assert "exit status 7" in last.payload["message"]


@pytest.mark.parametrize(
    "wrong", [{"python": "/nowhere/python"}, {"python": 3}, {"grace_seconds": "soon"}, {"pull_seconds": "now"}]
)
async def test_a_run_that_cannot_be_started_crashes(place: Place, wrong: dict[str, Any]) -> None:
    """The worker goes on."""
    run = await place.asked("add", job_variables=wrong)

    await place.once()

    assert (await states(run))[-1] == "crashed"


async def test_a_run_that_was_asked_to_stop_ends_cancelled(place: Place, tmp_path: Path) -> None:
    """By itself, as the engine in its process hears of it."""
    run = await place.asked("wait", {"file": str(tmp_path / "pid")})
    async with serving(place.worker()):
        await written(tmp_path / "pid")
        place.bus.publish(flow_run_cancel_requested(run, "somebody", "", SystemClock().now_us()))
        await place.ends(run)

    assert (await states(run))[-1] == "cancelled"


async def test_a_run_that_does_not_stop_is_killed(place: Place, tmp_path: Path) -> None:
    """After the grace that its job variables give it, with the reason."""
    run = await place.asked("deaf", {"file": str(tmp_path / "pid")}, job_variables={"grace_seconds": 0})
    async with serving(place.worker(beat_every=3600)):
        pid = int(await written(tmp_path / "pid"))
        place.bus.publish(flow_run_cancel_requested(run, "somebody", "", SystemClock().now_us()))
        await place.ends(run)

    last = next(event for event in reversed(await events(run)) if event.kind == "flow-run.cancelled")
    assert "did not within 0 s" in last.payload["message"]
    assert not is_alive(pid)


async def test_a_run_that_is_still_loading_its_code_is_stopped_at_once(place: Place, tmp_path: Path) -> None:
    """It would not hear of it; the worker does long before its next sign of life."""
    code = f"import os, signal\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\nsignal.pause()\n"
    (place.project / "flows.py").write_text(code)
    run = await place.asked("wait")
    async with serving(place.worker(beat_every=3600)):
        pid = int(await written(tmp_path / "pid"))
        await place.work.cancel_run(run, "ann")
        await place.ends(run)

    assert await states(run) == ["scheduled", "claimed", "cancel-requested", "cancelled"]
    assert not is_alive(pid)


async def test_no_more_runs_go_at_a_time_than_the_limit(place: Place, tmp_path: Path) -> None:
    """The second waits until the first has ended."""
    first = await place.asked("wait", {"file": str(tmp_path / "pid")})
    second = await place.asked("add")
    worker = place.worker(limit=1)
    async with serving(worker):
        await written(tmp_path / "pid")
        assert worker.held == [first]
        place.bus.publish(flow_run_cancel_requested(first, "somebody", "", SystemClock().now_us()))
        await place.ends(second)

    assert (await states(second))[-1] == "completed"


async def test_a_worker_of_a_queue_takes_its_runs_only(place: Place) -> None:
    """Those of other queues wait."""
    await place.work.join(WorkerInfo(id="", name="nobody", pool="here", queues=("urgent",), ended=1))
    urgent = await place.asked("add", queue="urgent")
    other = await place.asked("later")

    with anyio.fail_after(60):
        await place.worker(queues=("urgent",), run_once=True).run()

    assert (await states(urgent))[-1] == "completed"
    assert await states(other) == ["scheduled"]


async def test_a_worker_that_is_to_end_ends_with_its_runs(place: Place, tmp_path: Path) -> None:
    """It takes no more, and lets those that go come to their end; asked again, it ends them."""
    going = await place.asked("wait", {"file": str(tmp_path / "pid")})
    worker = place.worker()
    async with serving(worker):
        pid = int(await written(tmp_path / "pid"))
        worker.drain()
        waiting = await place.asked("add")
        assert is_alive(pid)

    assert (await states(going))[-1] == "crashed"
    assert await states(waiting) == ["scheduled"]
    assert not is_alive(pid)
    assert [info.ended is not None for info in await place.work.workers() if info.name == "one"] == [True]


async def test_a_run_of_another_worker_is_ended(place: Place, tmp_path: Path) -> None:
    """A worker that was thought lost learns of it with its next sign of life, and records nothing more."""
    run = await place.asked("deaf", {"file": str(tmp_path / "pid")})
    worker = place.worker()
    async with serving(worker):
        pid = int(await written(tmp_path / "pid"))
        await place.work.sweep(SystemClock().now_us() + 60_000_000)
        await until(lambda: not is_alive(pid))

    assert [state for state in await states(run) if state in ("crashed", "cancelled")] == ["crashed"]


async def test_a_run_that_is_tried_again_before_its_process_has_ended_harms_no_other(
    place: Place, tmp_path: Path
) -> None:
    """The worker holds it twice for a while."""
    file = tmp_path / "end"
    run = await place.asked("linger", {"file": str(file)})

    async with serving(place.worker(beat_every=3600)):
        await place.ends(run)
        await place.work.retry_run(run)
        with anyio.fail_after(60):
            while (await states(run)).count("failed") < 2:
                await SystemClock().sleep(0.02)
        file.touch()
        other = await place.asked("add")
        await place.ends(other)

    assert (await states(other))[-1] == "completed"
    assert [state for state in await states(run) if state in ("failed", "crashed")] == ["failed"] * 2


async def test_a_run_that_is_tried_again_waits_for_a_worker(place: Place) -> None:
    """Whoever looks for runs without a process leaves it alone; a worker has it run as another attempt."""
    run = await place.asked("wrong")
    await place.once()
    await place.work.retry_run(run)

    await Leases(place.journal, place.bus, os.uname().nodename).step(SystemClock().now_us())
    await place.once()

    reached = await states(run)
    assert [state for state in reached if state in ("running", "failed", "crashed")] == ["running", "failed"] * 2
    assert [event.payload["attempt"] for event in await events(run) if event.kind == "flow-run.running"] == [1, 2]
