"""LocalWork: several at one journal, runs that are called off, and what else ends with a run whose worker is gone."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from segue import run_events, states
from segue.exceptions import InvalidRun
from segue.records import FlowRun, TaskRun
from segue.records.work import LEASE_SECONDS, Claim, Deployment, RunRequest, WorkerInfo
from segue.services.lost_workers import LostWorkers
from segue.settings import Settings
from segue.states import State
from segue.store import Store
from segue.tables import projections
from segue.work.endings import MOST_LOST
from segue.work.local import LocalWork
from segue.work.session import open_work
from segue_events import Bus, Filter, SqliteJournal, new_id
from segue_events.testing import FakeClock


class CountingJournal(SqliteJournal):
    """Counts what it is asked."""

    asked = 0

    async def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        self.asked += 1
        return await super().query(sql, params)


class Office:
    """A LocalWork with its journal."""

    def __init__(self, journal: SqliteJournal, bus: Bus, clock: FakeClock) -> None:
        self.journal, self.bus, self.clock = journal, bus, clock
        self.work = LocalWork(journal, bus, clock)
        self.store = Store(journal)

    async def deploy(self, **more: Any) -> Deployment:
        known: dict[str, Any] = {"id": "", "name": "daily", "flow_name": "etl", "entrypoint": "e.py:f", "pool": "p"}
        return await self.work.save_deployment(Deployment(**{**known, **more}))

    async def worker(self, name: str = "w1") -> WorkerInfo:
        return await self.work.join(WorkerInfo(id="", name=name, pool="p", host="box"))

    async def run(self, deployment: Deployment, **more: Any) -> FlowRun:
        return await self.work.create_run(RunRequest(deployment_id=deployment.id, **more))

    async def state(self, run_id: str) -> State[Any]:
        return (await self.store.runs.flow_run(run_id)).state

    async def begin(self, claim: Claim) -> None:
        run = FlowRun(id=claim.run_id, name=claim.run_name, flow_name=claim.flow_name)
        self.bus.publish(run_events.flow_run_state(run, states.Running(occurred=self.clock.now_us())))
        await self.bus.flushed()


@asynccontextmanager
async def opened(folder: Path, clock: FakeClock) -> AsyncGenerator[Office]:
    journal = SqliteJournal(folder / "segue.db", projections=projections(), clock=clock)
    async with journal, Bus(journal, clock) as bus:
        clock.watch(journal, bus)
        yield Office(journal, bus, clock)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path, FakeClock()) as made:
        await made.worker("somebody")
        yield made


async def test_those_who_share_a_journal_give_each_run_to_one(office: Office) -> None:
    """Each has connections and a lock file of its own, as other processes have."""
    deployment = await office.deploy(concurrency_limit=7)
    runs = {(await office.run(deployment)).id for _ in range(20)}
    claimed: list[str] = []

    async def work_off() -> None:
        async with opened(office.journal.path.parent, office.clock) as own:
            worker = await own.worker()
            while claims := await own.work.claim(worker.id, 2):
                claimed.extend(claim.run_id for claim in claims)
                for claim in claims:
                    done = states.Cancelled(message="Enough.", occurred=office.clock.now_us())
                    assert await own.work.settle(worker.id, claim, done)

    async with asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(work_off())
    assert sorted(claimed) == sorted(runs)
    events = await office.journal.read(filter=Filter(kinds=("flow-run.claimed", "flow-run.cancelled")))
    going, most = 0, 0
    for event in events:
        going += 1 if event.kind == "flow-run.claimed" else -1
        most = max(most, going)
    assert (len(events), going) == (40, 0)
    assert most <= 7


async def test_a_run_that_nobody_holds_is_cancelled_at_once_and_a_held_one_by_its_worker(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    held = await office.run(deployment)
    [claim] = await office.work.claim(worker.id, 1)
    waiting = await office.run(deployment)

    assert (await office.work.cancel_run(waiting.id, "ann", "Not today.")).state.message == "Not today."
    assert (await office.work.cancel_run(held.id, "ann")).state.is_scheduled()
    assert await office.work.beat(worker.id, [held.id]) == ((held.id,), ())
    assert await office.work.settle(worker.id, claim, states.Scheduled())
    assert (await office.state(held.id)).is_cancelled()
    before = await office.journal.head()
    await office.work.cancel_run(held.id, "ann")
    assert await office.journal.head() == before


async def test_a_run_that_waits_and_was_asked_to_stop_by_an_event_alone_is_not_given_out(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    run = await office.run(deployment)
    office.bus.publish(run_events.flow_run_cancel_requested(run.id, "ann", "", office.clock.now_us()))
    await office.bus.flushed()

    assert await office.work.claim(worker.id, 1) == []
    assert await office.work.why_waiting(run.id) == "It was asked to stop before it had begun."
    await LostWorkers(office.work).step(office.clock.now_us())
    assert (await office.state(run.id)).is_cancelled()


async def test_all_inside_of_a_run_ends_with_it_but_for_runs_on_their_own(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    run = await office.run(deployment)
    [claim] = await office.work.claim(worker.id, 1)
    await office.begin(claim)
    task = TaskRun(id=new_id(), name="load-1", task_name="load", flow_run_id=run.id, created=1)
    inner = FlowRun(id=new_id(), name="inner", flow_name="inner", parent_id=run.id, root_id=run.id, created=1)
    office.bus.publish_many([run_events.task_run_pending(task), run_events.flow_run_pending(inner)])
    await office.bus.flushed()
    alone = await office.run(deployment, parent_id=task.id)
    await office.clock.advance(31)
    await LostWorkers(office.work).step(office.clock.now_us())

    assert (alone.parent_id, alone.root_id) == (task.id, run.id)
    assert [(await office.state(one)).name for one in (run.id, inner.id, alone.id)] == [
        "Crashed",
        "Crashed",
        "Scheduled",
    ]
    assert (await office.store.runs.task_run(task.id)).state.is_crashed()


async def test_a_worker_that_left_with_a_run_that_had_begun_loses_it_in_time(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    run = await office.run(deployment)
    [claim] = await office.work.claim(worker.id, 1)
    await office.begin(claim)
    await office.work.leave(worker.id)
    service = LostWorkers(office.work)

    await office.clock.advance(29)
    await service.step(office.clock.now_us())
    assert (await office.state(run.id)).is_running()
    await office.clock.advance(3)
    await service.step(office.clock.now_us())
    assert (await office.state(run.id)).message == (
        "Its worker 'w1' on box left 32 s ago and has not said how it ended."
    )


async def test_a_run_between_two_attempts_keeps_its_record_when_its_deployment_is_deleted(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    run = await office.run(deployment)
    [claim] = await office.work.claim(worker.id, 1)
    await office.begin(claim)
    assert await office.work.settle(worker.id, claim, states.Failed(occurred=office.clock.now_us()))
    await office.work.retry_run(run.id)

    await office.work.delete_deployment(deployment.id)

    assert (await office.state(run.id)).message == "Its deployment was deleted before its next attempt."


async def test_a_server_that_was_away_hears_workers_before_it_thinks_them_lost(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    run = await office.run(deployment)
    [claim] = await office.work.claim(worker.id, 1)
    await office.begin(claim)
    await office.clock.advance(3600)
    service = LostWorkers(office.work, patience=30)
    await service.step(office.clock.now_us())
    await office.work.beat(worker.id, [run.id])
    await office.clock.advance(3600)  # asleep

    await service.step(office.clock.now_us())

    assert (await office.state(run.id)).is_running()
    for _ in range(6):
        await office.clock.advance(5)
        await service.step(office.clock.now_us())
    assert (await office.state(run.id)).is_crashed()


async def test_a_run_between_two_attempts_has_begun(office: Office) -> None:
    deployment, worker = await office.deploy(), await office.worker()
    run = await office.run(deployment)
    [claim] = await office.work.claim(worker.id, 1)
    await office.begin(claim)
    waits = FlowRun(id=run.id, name=run.name, flow_name="etl")
    office.bus.publish(run_events.flow_run_state(waits, states.AwaitingRetry(occurred=office.clock.now_us())))
    await office.bus.flushed()
    await office.clock.advance(31)
    await LostWorkers(office.work).step(office.clock.now_us())

    assert (await office.state(run.id)).is_crashed()


async def test_a_run_with_which_worker_after_worker_is_lost_is_given_to_no_other(office: Office) -> None:
    """It says why, and waits again once it is retried; workers that leave as they should do not count."""
    run = await office.run(await office.deploy())

    async def lost() -> int:
        worker = await office.worker("doomed")
        [claim] = await office.work.claim(worker.id, 1)
        await office.clock.advance(LEASE_SECONDS + 1)
        await office.work.sweep(office.clock.now_us())
        return claim.epoch

    gone = await office.worker("gone")
    await office.work.claim(gone.id, 1)
    await office.work.leave(gone.id)
    assert [await lost() for _ in range(MOST_LOST - 1)] == [2, 3, 4, 5]
    assert (await office.state(run.id)).is_scheduled()
    await lost()
    state = await office.state(run.id)
    assert state.is_crashed()
    assert (state.message or "").startswith("It was given to 5 workers")
    assert await office.work.claim((await office.worker()).id, 1) == []

    await office.work.retry_run(run.id)
    await lost()
    assert (await office.state(run.id)).is_scheduled()


async def test_a_run_that_was_deleted_is_not_made_again_by_its_key(office: Office) -> None:
    deployment = await office.deploy()
    run = await office.run(deployment, key="k")
    await office.store.delete(run.id, office.clock.now_us())

    with pytest.raises(InvalidRun, match="has been deleted; ask with another one"):
        await office.run(deployment, key="k")


async def test_a_session_makes_the_journal_that_the_settings_name(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    async with open_work(settings) as work:
        worker = await work.join(WorkerInfo(id="", name="w", pool="p"))
    async with open_work(settings) as work:
        assert [one.id for one in await work.workers("p")] == [worker.id]


async def test_while_there_is_more_a_claim_asks_three_questions_of_the_database(tmp_path: Path) -> None:
    clock = FakeClock()
    journal = CountingJournal(tmp_path / "segue.db", projections=projections(), clock=clock)
    async with journal, Bus(journal, clock) as bus:
        clock.watch(journal, bus)
        office = Office(journal, bus, clock)
        worker = await office.worker()
        deployment = await office.deploy()
        for _ in range(3):
            await office.run(deployment)

        given: list[int] = []
        asked: list[int] = []
        for _ in range(5):
            journal.asked = 0
            given.append(len(await office.work.claim(worker.id, 1)))
            asked.append(journal.asked)

        # The last looks find nothing: one as it expects more, the other before it takes a turn.
        assert (given, asked) == ([1, 1, 1, 0, 0], [5, 3, 3, 2, 1])
        await office.work.leave(worker.id)
        await office.run(deployment)
        assert await office.work.claim(worker.id, 1) == []
