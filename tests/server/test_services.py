"""Services: stepped by one loop, each when it is due; what they delete, mark and crash, and what they leave alone."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import msgspec
import pytest

from segue import run_events, states
from segue.projection import RunProjection
from segue.records import FlowRun, TaskRun
from segue.services.alerts import Alerts
from segue.services.late_runs import LateRuns
from segue.services.leases import Leases, is_alive
from segue.services.retention import Retention
from segue.services.service import attend
from segue.settings import load_settings
from segue.states import State, StateDetails, StateType, instant
from segue.store import Store
from segue.tables import projections
from segue_events import Bus, Event, SqliteJournal, new_id
from segue_events.testing import FakeClock

DAY = 86_400 * 1_000_000
NOW = 1000 * DAY


@dataclass
class Records:
    """A journal with its bus and store, and ways to record runs in it."""

    journal: SqliteJournal
    bus: Bus
    store: Store

    async def add(self, *events: Event) -> None:
        self.bus.publish_many(events)
        await self.bus.flushed()

    async def run(self, *path: State[Any], **more: Any) -> FlowRun:
        """Record a flow run that goes through these states, a µs one after the other if they have no time."""
        known = {"id": new_id(), "name": "brave-otter", "flow_name": "etl", "created": NOW, **more}
        run = FlowRun(**{"root_id": known["id"], **known})
        run.enter(states.Pending(occurred=run.created or 0))
        events = [run_events.flow_run_pending(run)]
        for state in path:
            run.enter(state)
            events.append(run_events.flow_run_state(run, state))
        await self.add(*events)
        return run

    async def state(self, run: FlowRun) -> State[Any]:
        return (await self.store.runs.flow_run(run.id)).state

    async def runs(self) -> set[str]:
        return {run.id for run in (await self.store.runs.flow_runs()).items}


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    journal = SqliteJournal(tmp_path / "segue.db", projections=projections())
    async with journal, Bus(journal) as bus:
        yield Records(journal, bus, Store(journal))


def ended(days_ago: float) -> State[Any]:
    return states.Completed(occurred=NOW - round(days_ago * DAY))


# --- the loop ---


class Counter:
    """A service that writes down when it is stepped; the steps that are asked to fail do."""

    def __init__(self, name: str, every: float, clock: FakeClock, fails: int = 0) -> None:
        self.name = name
        self.every = every
        self.clock = clock
        self.fails = fails
        self.at: list[float] = []

    async def step(self, now: int) -> float:
        assert now == self.clock.now_us()
        self.at.append(self.clock.seconds)
        if len(self.at) <= self.fails:
            raise OSError("the disk is full")
        return self.every


async def attended(clock: FakeClock, seconds: float, *services: Counter) -> list[tuple[str, bool]]:
    """Let the loop step services for so many seconds; return what it told."""
    told: list[tuple[str, bool]] = []
    async with anyio.create_task_group() as group:
        group.start_soon(attend, services, clock, lambda name, failed: told.append((name, failed)))
        await clock.advance(seconds)
        group.cancel_scope.cancel()
    return told


async def test_each_service_is_stepped_when_it_is_due() -> None:
    clock = FakeClock()
    often, seldom = Counter("often", 2, clock), Counter("seldom", 5, clock)

    await attended(clock, 10, often, seldom)

    assert often.at == [0, 2, 4, 6, 8, 10]
    assert seldom.at == [0, 5, 10]


async def test_a_service_that_fails_is_tried_later_each_time_and_holds_up_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    failing, other = Counter("failing", 100, clock, fails=3), Counter("other", 4, clock)

    told = await attended(clock, 8, failing, other)

    assert failing.at == [0, 1, 3, 7]
    assert other.at == [0, 4, 8]
    assert told.count(("failing", True)) == 3
    assert told.count(("failing", False)) == 1
    assert "A step of the service failing failed. the disk is full" in caplog.text


# --- retention ---


async def purge(records: Records, days: float) -> None:
    """Step retention until it has nothing more to do."""
    service = Retention(records.journal, records.bus, days)
    while await service.step(NOW) < 60:
        pass


async def test_runs_that_ended_long_ago_go_with_their_events(records: Records) -> None:
    old = await records.run(ended(31), created=NOW - 40 * DAY)
    young = await records.run(ended(29), created=NOW - 29 * DAY)

    await purge(records, 30)

    assert await records.runs() == {young.id}
    assert [event.run for event in await records.journal.read() if event.occurred < NOW] == [young.id] * 2
    assert old.id not in {event.run for event in await records.journal.read() if event.kind != "flow-run.deleted"}


async def test_what_runs_is_kept_however_long_ago_it_began(records: Records) -> None:
    running = await records.run(states.Running(occurred=NOW - 90 * DAY), created=NOW - 90 * DAY)
    old = await records.run(ended(60), created=NOW - 61 * DAY)

    await purge(records, 30)

    assert await records.runs() == {running.id}
    kept = [event.kind for event in await records.journal.read() if event.run == running.id]
    assert kept == ["flow-run.pending", "flow-run.running"]
    assert old.id not in await records.runs()


async def test_a_subflow_stays_as_long_as_the_run_at_the_top_goes_on(records: Records) -> None:
    top = await records.run(states.Running(occurred=NOW - 90 * DAY), created=NOW - 90 * DAY)
    child = await records.run(ended(60), created=NOW - 61 * DAY, root_id=top.id, parent_id=top.id)

    await purge(records, 30)

    assert await records.runs() == {top.id, child.id}


async def test_events_of_no_run_go_by_their_age(records: Records) -> None:
    await records.add(*(Event(kind="a.b", occurred=NOW - days * DAY) for days in (50, 40, 20, 10)))

    await purge(records, 30)

    assert [(NOW - event.occurred) // DAY for event in await records.journal.read()] == [20, 10]


async def loose(records: Records, days_ago: float, *path: State[Any]) -> TaskRun:
    """Record a task run outside of flows, which logs a line and begins so many days ago."""
    then = NOW - round(days_ago * DAY)
    run = TaskRun(id=new_id(), name="fetch", task_name="fetch", created=then)
    line = run_events.log_line(run_id="", subject=run.id, level=20, logger="x", message="hello", occurred=then)
    await records.add(
        run_events.task_run_pending(run), line, *(run_events.task_run_state(run, state) for state in path)
    )
    return run


async def test_task_runs_outside_flows_go_with_their_logs_and_those_that_go_on_stay(records: Records) -> None:
    old = await loose(records, 50, ended(49))
    going_on = await loose(records, 45, states.Running(occurred=NOW - 45 * DAY))
    young = await loose(records, 3, ended(2))

    await purge(records, 30)

    assert {run.id for run in (await records.store.runs.task_runs("")).items} == {going_on.id, young.id}
    assert await records.journal.query("SELECT count(*) FROM log_index") == [(2,)]
    kept = [event.subject for event in await records.journal.read() if event.kind == "task-run.pending"]
    assert kept == [going_on.id, young.id]
    assert old.id not in kept


async def test_what_retention_has_left_is_what_the_journal_says(records: Records) -> None:
    await loose(records, 50, ended(49))
    await records.run(ended(40), created=NOW - 41 * DAY)
    await loose(records, 3, ended(2))
    await purge(records, 30)
    tables = {name: await records.journal.query(f"SELECT * FROM {name}") for name in RunProjection().tables}

    await records.journal.rebuild()

    assert {name: await records.journal.query(f"SELECT * FROM {name}") for name in RunProjection().tables} == tables


async def test_an_event_that_claims_to_be_of_the_future_does_not_keep_the_others_for_ever(records: Records) -> None:
    days_ago = (50, -3650, 40, 10)
    await records.add(*(Event(kind="a.b", occurred=NOW - days * DAY) for days in days_ago))

    await purge(records, 30)

    assert [(NOW - event.occurred) // DAY for event in await records.journal.read()] == [10]


async def test_more_than_one_step_can_delete_goes_in_several(records: Records) -> None:
    await records.add(*(Event(kind="a.b", occurred=NOW - 50 * DAY) for _ in range(2500)))
    await records.add(Event(kind="a.b", occurred=NOW))
    service = Retention(records.journal, records.bus, 30)

    left = []
    while await service.step(NOW) < 60:
        left.append((await records.journal.statistics()).events)

    assert left == [1501, 501]
    assert (await records.journal.statistics()).events == 1


async def test_no_days_keep_all(records: Records) -> None:
    old = await records.run(ended(5000), created=NOW - 5000 * DAY)

    await purge(records, 0)

    assert await records.runs() == {old.id}


# --- late runs ---


def scheduled(at: int, name: str = "Scheduled") -> State[Any]:
    details = StateDetails(scheduled_time=instant(at))
    return State(StateType.SCHEDULED, name, occurred=NOW - DAY, details=details)


async def test_a_run_that_has_not_begun_in_time_is_late_and_stays_scheduled(records: Records) -> None:
    late = await records.run(scheduled(NOW - 20_000_000))
    soon = await records.run(scheduled(NOW - 10_000_000))
    service = LateRuns(records.journal, records.bus, after=15)

    await service.step(NOW)

    state = await records.state(late)
    assert (state.type, state.name) == (StateType.SCHEDULED, "Late")
    assert state.message == "It was due 20 s ago and has not begun."
    last = [event for event in await records.journal.read() if event.run == late.id][-1]
    assert last.payload["at"] == NOW - 20_000_000, "when it was due is still known"
    assert (await records.state(soon)).name == "Scheduled"


async def test_a_run_is_marked_once_and_others_than_scheduled_ones_never(records: Records) -> None:
    await records.run(scheduled(NOW - DAY))
    await records.run(scheduled(NOW - DAY, name="AwaitingRetry"))
    await records.run(scheduled(NOW - DAY), states.Running(occurred=NOW))
    await records.run()
    service = LateRuns(records.journal, records.bus, after=15)

    await service.step(NOW)
    head = await records.journal.head()
    await service.step(NOW)

    assert await records.journal.head() == head
    assert sum(event.payload.get("name") == "Late" for event in await records.journal.read()) == 1


# --- leases ---

HOST = "here"
LIVING, DEAD = 1, 2


def leases(records: Records) -> Leases:
    return Leases(records.journal, records.bus, HOST, alive=lambda pid: pid == LIVING)


async def test_a_run_whose_process_is_gone_has_crashed_with_its_tasks(records: Records) -> None:
    run = await records.run(states.Running(occurred=NOW), pid=DEAD, host=HOST)
    task = TaskRun(id=new_id(), name="fetch-0", task_name="fetch", flow_run_id=run.id, created=NOW)
    done = TaskRun(id=new_id(), name="fetch-1", task_name="fetch", flow_run_id=run.id, created=NOW)
    await records.add(run_events.task_run_pending(task), run_events.task_run_pending(done))
    await records.add(run_events.task_run_state(done, states.Completed(occurred=NOW)))

    await leases(records).step(NOW + 5)

    state = await records.state(run)
    assert (state.type, state.message) == (StateType.CRASHED, "Its process 2 on here is gone.")
    assert (await records.store.runs.task_run(task.id)).state.type is StateType.CRASHED
    assert (await records.store.runs.task_run(done.id)).state.type is StateType.COMPLETED


async def test_what_lives_what_waits_what_ended_and_what_is_elsewhere_is_left_alone(records: Records) -> None:
    await records.run(states.Running(occurred=NOW), pid=LIVING, host=HOST)
    await records.run(states.Running(occurred=NOW), pid=DEAD, host="there")
    await records.run(states.Running(occurred=NOW), pid=DEAD)
    await records.run(states.Paused(occurred=NOW), pid=DEAD, host=HOST)
    await records.run(states.Completed(occurred=NOW), pid=DEAD, host=HOST)
    await records.run(scheduled(NOW + DAY), host=HOST)
    head = await records.journal.head()

    await leases(records).step(NOW + 5)

    assert await records.journal.head() == head


async def test_a_run_that_another_machine_has_taken_over_is_that_machines(records: Records) -> None:
    run = await records.run(states.Running(occurred=NOW), pid=DEAD, host=HOST)
    await leases(records).step(NOW + 5)
    run.epoch, run.pid, run.host = 2, DEAD, "there"
    await records.add(run_events.flow_run_pending(run), run_events.flow_run_state(run, states.Running(occurred=NOW)))

    await leases(records).step(NOW + 10)

    assert (await records.state(run)).type is StateType.RUNNING


async def test_a_run_that_recorded_its_end_just_before_its_process_ended_has_not_crashed(records: Records) -> None:
    run = await records.run(states.Running(occurred=NOW), pid=DEAD, host=HOST)

    async def end() -> None:
        async with SqliteJournal(records.journal.path, projections=projections()) as journal:
            await journal.append([run_events.flow_run_state(run, states.Completed(occurred=NOW))])

    def alive(pid: int) -> bool:
        # Between the look at the tables and the one at the process, that commits, as another process does, and ends.
        thread = Thread(target=asyncio.run, args=(end(),))
        thread.start()
        thread.join()
        return False

    await Leases(records.journal, records.bus, HOST, alive).step(NOW + 5)

    kinds = [event.kind for event in await records.journal.read()]
    assert kinds == ["flow-run.pending", "flow-run.running", "flow-run.completed"]


def test_processes_that_live_have_ended_or_wait_to_be_collected_are_told_apart() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        living = is_alive(process.pid)
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        uncollected = is_alive(process.pid)
    gone = is_alive(process.pid)

    assert (is_alive(os.getpid()), living, uncollected, gone) == (True, True, False, False)


# --- alerts ---


TARGETS = ("webhook+http://127.0.0.1:1/hook",)


class Woken:
    """Alerts of what is recorded from now on, and since when the notifier was to tell, each time that it was woken."""

    def __init__(self, records: Records, targets: tuple[str, ...]) -> None:
        settings = load_settings({"SEGUE_HOME": str(records.journal.path.parent)}).settings
        settings = msgspec.structs.replace(settings, database=records.journal.path, notify_urls=targets)
        self.since: list[int] = []
        self.alerts = Alerts(records.journal, settings, settings.home, lambda _, since: self.since.append(since))

    async def step(self) -> list[int]:
        await self.alerts.step(NOW)
        return self.since


async def test_a_run_that_fails_wakes_the_notifier_once(records: Records) -> None:
    await records.run(states.Failed(occurred=NOW - 1))
    woken = Woken(records, TARGETS)

    assert await woken.step() == [], "what was before, somebody else has seen"
    await records.run(states.Completed(occurred=NOW))
    assert await woken.step() == []
    await records.run(states.Failed(occurred=NOW + 7), states.Failed(occurred=NOW + 8))
    assert await woken.step() == [NOW + 7]
    assert await woken.step() == [NOW + 7]


async def test_the_task_of_a_run_and_failures_without_anybody_to_tell_wake_nobody(records: Records) -> None:
    some, nobody = Woken(records, TARGETS), Woken(records, ())
    await some.step()
    await nobody.step()
    task = TaskRun(id=new_id(), name="fetch-0", task_name="fetch", flow_run_id=new_id(), created=NOW)

    await records.add(run_events.task_run_state(task, states.Failed(occurred=NOW)))
    assert await some.step() == []
    await records.run(states.Failed(occurred=NOW))
    assert await nobody.step() == []
