"""The scheduler: runs come at their instants, once each, whatever happens to it, to the clock and to the runs."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from segue import run_events, states
from segue.records import FlowRun
from segue.records.work import Deployment, Schedule, WorkerInfo, WorkPool
from segue.scheduling.requests import BACKFILL, request_of
from segue.services.scheduled_here import scheduled_here
from segue.services.scheduler import Scheduler
from segue.services.service import attend
from segue.settings import load_settings
from segue.states import StateType
from segue.store import Store
from segue.tables import projections
from segue.work.local import LocalWork
from segue.work_events import RUN_SCHEDULED
from segue_events import Bus, Filter, SqliteJournal
from segue_events.testing import FakeClock

HOUR, DAY = 3600, 86_400
NINE = datetime(2030, 1, 1, 9, tzinfo=UTC)


class SetClock(FakeClock):
    """A clock that somebody can set, as a wall clock is; what has passed since the start is not changed by it."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.set_by = 0.0

    def now_us(self) -> int:
        return super().now_us() + round(self.set_by * 1e6)


@dataclass
class Office:
    """A journal with its work, and how many schedulers there are to be."""

    journal: SqliteJournal
    bus: Bus
    clock: SetClock
    work: LocalWork
    store: Store
    told: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])

    async def deployment(self, *schedules: Schedule, **more: Any) -> Deployment:
        wanted = Deployment(id="", name="daily", flow_name="etl", entrypoint="etl.py:etl", pool="my-pool", **more)
        return await self.work.save_deployment(replace(wanted, schedules=schedules))

    async def passes(self, seconds: float, schedulers: int = 1, every: float = 600) -> None:
        """Let time pass while so many schedulers attend to it, which begin now and end then."""
        async with AsyncExitStack() as stack:
            group = await stack.enter_async_context(anyio.create_task_group())
            for _ in range(schedulers):
                bus = await stack.enter_async_context(Bus(self.journal, self.clock))
                self.clock.watch(bus)
                work = LocalWork(self.journal, bus, self.clock)
                scheduler = Scheduler(work, self.journal, bus, self.clock, every)
                group.start_soon(attend, [scheduler], self.clock, lambda name, failed: self.told.append((name, failed)))
            await self.clock.advance(seconds)
            group.cancel_scope.cancel()
        assert ("scheduler", True) not in self.told

    async def runs(self) -> list[FlowRun]:
        """Return all runs, the first first."""
        return (await self.store.runs.flow_runs(limit=200)).items[::-1]

    async def instants(self) -> list[str]:
        """Return when the runs were due."""
        rows = await self.journal.query("SELECT due FROM work_item ORDER BY due")
        return [f"{states.instant(due):%d %H:%M}" for (due,) in rows]

    async def end(self, run: FlowRun) -> None:
        """Record that a run has ended."""
        run.enter(states.Completed(occurred=self.clock.now_us()))
        self.bus.publish(run_events.flow_run_state(run, run.state))
        await self.bus.flushed()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    clock = SetClock(NINE)
    journal = SqliteJournal(tmp_path / "segue.db", projections=projections(), clock=clock)
    async with journal, Bus(journal, clock) as bus:
        clock.watch(journal, bus)
        work = LocalWork(journal, bus, clock)
        await work.save_pool(WorkPool(name="my-pool"))
        yield Office(journal, bus, clock, work, Store(journal))


def every(seconds: float, **more: Any) -> Schedule:
    return Schedule(id="often", interval=seconds, **more)


# --- at their instants ---


async def test_runs_are_asked_for_at_their_very_instants(office: Office) -> None:
    await office.deployment(every(1200, parameters={"size": 3}), parameters={"day": 1})

    await office.passes(HOUR)

    runs = await office.runs()
    assert await office.instants() == ["01 09:20", "01 09:40", "01 10:00"]
    assert [(run.created or 0) / 1e6 - NINE.timestamp() for run in runs] == [1200, 2400, 3600]
    assert runs[0].parameters == {"day": 1, "size": 3}
    assert {run.state.type for run in runs} == {StateType.SCHEDULED}


async def test_each_schedule_of_a_deployment_has_its_own_instants_and_parameters(office: Office) -> None:
    morning = Schedule(id="morning", cron="30 9 * * *", parameters={"region": "eu"})
    evening = Schedule(id="evening", cron="0 18 * * *", timezone="America/New_York", parameters={"region": "us"})
    await office.deployment(morning, evening, every(60, active=False))

    await office.passes(DAY)

    assert await office.instants() == ["01 09:30", "01 23:00"]
    assert [run.parameters["region"] for run in await office.runs()] == ["eu", "us"]


async def test_what_is_saved_while_it_attends_is_taken_over_at_the_next_look(office: Office) -> None:
    async def later() -> None:
        await office.clock.sleep(5)
        await office.deployment(every(20))
        await office.clock.sleep(40)
        await office.deployment(every(20), paused=True)

    async with anyio.create_task_group() as group:
        group.start_soon(later)
        await office.passes(120, every=0.25)

    assert len(await office.runs()) == 2


async def test_nothing_comes_of_a_deployment_that_was_deleted(office: Office) -> None:
    deployment = await office.deployment(every(1200))
    await office.passes(1300)

    await office.work.delete_deployment(deployment.id)
    await office.passes(HOUR)

    assert await office.runs() == []


async def test_runs_that_wait_go_with_their_schedule(office: Office) -> None:
    await office.deployment(every(1200))

    async def later() -> None:
        await office.clock.sleep(1300)
        await office.deployment()

    async with anyio.create_task_group() as group:
        group.start_soon(later)
        await office.passes(HOUR, every=10)

    [run] = await office.runs()
    assert run.state.type is StateType.CANCELLED
    assert run.state.message == "Its schedule was deleted before it had begun."


async def test_a_schedule_whose_parameters_do_not_fit_keeps_no_other_from_its_runs(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    await office.deployment(
        every(1200, parameters={"customer": "x"}),
        Schedule(id="wrong", interval=1200, parameters={"customer": None}),
        concurrency_limit=1,
        concurrency_key="{customer.name}",
    )
    await office.passes(1300)

    assert "The schedule 'wrong' of 'etl/daily' has no run." in caplog.text


# --- once each ---


async def test_two_schedulers_on_one_journal_fire_each_instant_once(office: Office) -> None:
    await office.deployment(every(60), Schedule(id="also", cron="*/5 * * * *"))

    await office.passes(HOUR, schedulers=2)

    instants = await office.instants()
    assert len(instants) == 60 + 12
    assert len(set(instants)) == 60


async def test_a_scheduler_that_starts_again_and_again_fires_each_instant_once(office: Office) -> None:
    await office.deployment(every(60, jitter=50))

    for seconds in (130, 0, 50, 0.5, 59.5, 360):
        await office.passes(seconds)

    assert len(await office.runs()) == 10


async def test_two_schedules_may_have_the_same_instant(office: Office) -> None:
    await office.deployment(Schedule(id="a", interval=HOUR), Schedule(id="b", interval=HOUR))

    await office.passes(HOUR)

    assert await office.instants() == ["01 10:00", "01 10:00"]


async def test_another_jitter_makes_no_other_run_of_an_instant(office: Office) -> None:
    deployment = await office.deployment(every(HOUR, jitter=600))
    await office.passes(HOUR)

    run = await office.work.create_run(request_of(deployment.id, every(HOUR), round((NINE.timestamp() + HOUR) * 1e6)))

    assert [one.id for one in await office.runs()] == [run.id]


# --- clocks that are set, machines that sleep ---


@pytest.mark.parametrize("by", [-10, -HOUR, -DAY, 10, HOUR])
async def test_a_clock_that_is_set_there_and_back_makes_no_second_run(office: Office, by: float) -> None:
    await office.deployment(every(300))

    async def setting() -> None:
        for _ in range(3):
            await office.clock.sleep(400)
            office.clock.set_by += by
            await office.clock.sleep(400)
            office.clock.set_by -= by

    async with anyio.create_task_group() as group:
        group.start_soon(setting)
        await office.passes(HOUR, schedulers=2, every=30)

    instants = await office.instants()
    assert len(instants) == len(set(instants))
    # Those of the time that passed, and of the other one, but no burst of those that were leapt over.
    assert 12 <= len(instants) <= 24


@pytest.mark.parametrize(("catchup", "count"), [("skip", 0), ("latest", 1), ("all", 5)])
async def test_after_a_sleep_of_eight_hours_runs_are_made_up_for_as_the_schedule_says(
    office: Office, catchup: Any, count: int
) -> None:
    await office.deployment(every(60, catchup=catchup, catchup_limit=5))

    async def sleeping() -> None:
        await office.clock.sleep(90)
        office.clock.set_by += 8 * HOUR

    async with anyio.create_task_group() as group:
        group.start_soon(sleeping)
        await office.passes(110, every=10)

    assert len(await office.runs()) == 1 + count


async def test_what_was_due_while_no_scheduler_ran_is_made_up_for_when_one_starts(office: Office) -> None:
    await office.deployment(every(HOUR))
    await office.passes(HOUR)

    await office.clock.advance(5.5 * HOUR)
    await office.passes(60)

    assert await office.instants() == ["01 10:00", "01 15:00"]


async def test_what_was_skipped_stays_so_when_a_scheduler_starts_again(office: Office) -> None:
    await office.deployment(every(HOUR, overlap="skip"))
    await office.passes(2 * HOUR)

    await office.end((await office.runs())[0])
    await office.passes(60)

    assert await office.instants() == ["01 10:00"]


async def test_nothing_is_made_up_for_from_before_a_deployment_was_saved_or_while_it_was_paused(office: Office) -> None:
    await office.deployment(every(HOUR), paused=True)
    await office.passes(3 * HOUR)

    await office.deployment(every(HOUR))
    await office.passes(60)

    assert await office.instants() == []


# --- the run before ---


async def test_a_run_is_skipped_while_the_one_before_goes(office: Office) -> None:
    await office.deployment(every(HOUR, overlap="skip"))
    await office.passes(3.5 * HOUR)
    await office.end((await office.runs())[0])

    await office.passes(HOUR)

    assert await office.instants() == ["01 10:00", "01 13:00"]


async def test_runs_in_a_queue_come_one_after_the_other(office: Office) -> None:
    await office.deployment(every(HOUR, overlap="queue"))
    seen: list[int] = []

    async def later() -> None:
        for _ in range(3):
            await office.clock.sleep(2.25 * HOUR)
            seen.append(len(await office.runs()))
            await office.end((await office.runs())[-1])

    async with anyio.create_task_group() as group:
        group.start_soon(later)
        await office.passes(7 * HOUR)

    assert seen == [1, 2, 3]
    assert await office.instants() == ["01 10:00", "01 11:00", "01 12:00", "01 13:00"]


async def test_the_run_before_is_cancelled_for_the_next_one(office: Office) -> None:
    await office.deployment(every(HOUR, overlap="cancel-running"))

    await office.passes(2.5 * HOUR)

    before, now = await office.runs()
    assert (before.state.type, now.state.type) == (StateType.CANCELLED, StateType.SCHEDULED)
    assert before.state.message == "The next run of its schedule was due."


async def test_a_run_that_has_begun_is_asked_to_stop_for_the_next_one(office: Office) -> None:
    await office.deployment(every(HOUR, overlap="cancel-running"))
    await office.passes(HOUR)
    worker = await office.work.join(WorkerInfo(id="", name="w", pool="my-pool"))
    [claim] = await office.work.claim(worker.id, 1)

    await office.passes(HOUR)

    assert (await office.work.beat(worker.id, [claim.run_id])).stop == (claim.run_id,)
    assert len(await office.runs()) == 2


# --- too late ---


async def test_a_run_that_nobody_takes_in_time_is_cancelled_but_not_one_that_was_asked_for_later(
    office: Office,
) -> None:
    schedule = every(DAY, anchor=round((NINE.timestamp() + HOUR) * 1e6), max_lateness=600)
    deployment = await office.deployment(schedule)
    late = request_of(deployment.id, schedule, round((NINE.timestamp() - DAY) * 1e6), (BACKFILL,))
    await office.work.create_run(late)
    await office.passes(HOUR + 300)
    waits = {run.state.type for run in await office.runs()}

    await office.passes(HOUR)

    assert waits == {StateType.SCHEDULED}
    assert sorted((run.state.type, run.state.message) for run in await office.runs()) == [
        (StateType.CANCELLED, "It could not begin as soon as its schedule wants."),
        (StateType.SCHEDULED, ""),
    ]


async def test_a_run_that_was_taken_in_time_goes_on(office: Office) -> None:
    await office.deployment(every(HOUR, max_lateness=600))
    await office.passes(HOUR)
    worker = await office.work.join(WorkerInfo(id="", name="w", pool="my-pool"))
    await office.work.claim(worker.id, 1)

    await office.passes(1800)

    assert [run.state.type for run in await office.runs()] == [StateType.SCHEDULED]


async def awaiting_retry(office: Office) -> FlowRun:
    """Have the run that waits begun in time, and end in another attempt that nobody has taken yet."""
    worker = await office.work.join(WorkerInfo(id="", name="w", pool="my-pool"))
    (claim,) = await office.work.claim(worker.id, 1)
    (run,) = await office.runs()
    run.enter(states.Running(occurred=office.clock.now_us()))
    office.bus.publish(run_events.flow_run_state(run, run.state))
    await office.bus.flushed()
    assert await office.work.settle(worker.id, claim, states.AwaitingRetry(occurred=office.clock.now_us()))
    return run


async def test_a_run_that_has_begun_in_time_is_not_too_late_for_its_next_attempt(office: Office) -> None:
    await office.deployment(every(HOUR, max_lateness=600))
    await office.passes(HOUR)
    run = await awaiting_retry(office)

    await office.passes(1800)

    assert [(one.id, one.state.name) for one in await office.runs()] == [(run.id, "AwaitingRetry")]


async def test_a_run_that_has_begun_outlives_its_schedule_also_between_attempts(office: Office) -> None:
    deployment = await office.deployment(every(HOUR))
    await office.passes(HOUR)
    run = await awaiting_retry(office)
    scheduler = Scheduler(office.work, office.journal, office.bus, office.clock)
    await scheduler.step(office.clock.now_us())

    await office.work.save_deployment(replace(deployment, schedules=()))
    await scheduler.step(office.clock.now_us())

    assert [(one.id, one.state.name) for one in await office.runs()] == [(run.id, "AwaitingRetry")]


# --- without a server ---


async def test_a_process_that_serves_attends_to_schedules_itself(office: Office) -> None:
    settings = load_settings({"SEGUE_DATABASE": str(office.journal.path)}).settings
    await office.deployment(every(60))

    with anyio.fail_after(20):
        async with (
            office.bus.subscribe(Filter(kinds=(RUN_SCHEDULED,))) as news,
            scheduled_here(settings, office.clock),
        ):
            for _ in range(3):
                await office.clock.advance(60)
                await anext(news)

    assert len(await office.runs()) == 3
