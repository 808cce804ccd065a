"""What rules do to work: each once, and what cannot be done is told."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from segue import run_events, states
from segue.notify.deeds import deeds
from segue.records import FlowRun
from segue.records.work import Deployment, RunRequest, Schedule, WorkPool
from segue.states import State, StateType
from segue.store import Store
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, Event, SqliteJournal
from segue_events.testing import FakeClock
from segue_notifiers.actions import Actions, perform
from segue_notifiers.firing import Firing, News
from segue_notifiers.rules.rule import Action, ChangePool, ChangeRun, ChangeSchedule, RunDeployment
from segue_notifiers.subject import Subject


@dataclass
class Place:
    """Work with a deployment in a pool, and ways to have a rule act upon it."""

    work: LocalWork
    bus: Bus
    store: Store
    deployment: Deployment
    clock: FakeClock

    async def outcome(self, action: Action, run: str = "", firing: str = "f1", **subject: Any) -> Event:
        """What is told of an action of the rule `broken`, which speaks of a run."""
        about = Subject(noun="flow run", name="etl/brave-otter", **subject)
        news = News(Event(kind="flow-run.failed", run=run, subject=run), about)
        fired = Firing(id=firing, rule="broken", reason="matched", at=5, news=(news,))
        return await perform(Actions([], self.clock, deeds(self.work)), action, fired, 0, now=9)

    async def run(self) -> FlowRun:
        return await self.work.create_run(RunRequest(deployment_id=self.deployment.id))

    async def state(self, run: FlowRun) -> State[Any]:
        return (await self.store.runs.flow_run(run.id)).state

    async def ends(self, run: FlowRun) -> None:
        """Have the run fail."""
        self.bus.publish(run_events.flow_run_state(run, states.Failed(message="no", occurred=self.clock.now_us())))
        await self.bus.flushed()

    async def runs(self) -> list[FlowRun]:
        found = (await self.store.runs.flow_runs()).items
        return [await self.store.runs.flow_run(run.id) for run in found]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = FakeClock()
    journal = SqliteJournal(tmp_path / "segue.db", projections=projections(), clock=clock)
    async with journal, Bus(journal, clock) as bus:
        clock.watch(journal, bus)
        work = LocalWork(journal, bus, clock)
        await work.save_pool(WorkPool(name="pool"))
        schedules = (Schedule(id="hourly", interval=3600.0), Schedule(id="daily", cron="0 6 * * *"))
        deployment = await work.save_deployment(
            Deployment(
                id="", name="nightly", flow_name="clean-up", entrypoint="x.py:f", pool="pool", schedules=schedules
            )
        )
        yield Place(work, bus, Store(journal), deployment, clock)


def failed(event: Event) -> str:
    """Why it was not done."""
    assert event.kind == "action.failed"
    return event.payload["reason"]


async def test_a_deployment_is_run_with_what_the_rule_writes_once_for_each_firing(place: Place) -> None:
    action = RunDeployment(deployment="Clean_up/nightly", parameters={"why": ["{{ subject.name }}"], "hours": 2})

    told = [await place.outcome(action, firing=firing) for firing in ("f1", "f1", "f2")]

    assert [event.kind for event in told] == ["action.done"] * 3
    runs = await place.runs()
    assert len(runs) == 2
    assert [(run.parameters, run.tags) for run in runs] == [
        ({"why": ["etl/brave-otter"], "hours": 2}, ("rule:broken",))
    ] * 2


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (RunDeployment(deployment="clean-up/nightli"), "clean-up/nightly"),
        (RunDeployment(deployment="nightly", parameters={"x": "{{ flow_run.nmae }}"}), "The template"),
        (RunDeployment(deployment="nightly", parameters={"x": "{{ flow_run"}), "The template"),
        (ChangePool(to="pause", pool="pol"), "pool"),
        (ChangeSchedule(to="pause", deployment="none"), "none"),
        (ChangeRun(to="cancel", run="nobody"), "There is no run 'nobody'."),
        (ChangeRun(to="cancel"), "is no flow run"),
        (ChangeRun(to="pause", run="r"), "can cancel or retry one"),
    ],
    ids=str,
)
async def test_what_cannot_be_done_is_told_with_the_reason(place: Place, action: Action, reason: str) -> None:
    assert reason in failed(await place.outcome(action))


async def test_a_rule_starts_nothing_because_of_what_it_has_started(place: Place) -> None:
    told = await place.outcome(RunDeployment(deployment="nightly"), tags=("rule:broken",))

    assert "would go on for ever" in failed(told)
    assert await place.runs() == []


async def test_the_run_that_failed_is_run_again_but_not_for_ever(place: Place) -> None:
    run = await place.run()
    await place.ends(run)

    again = await place.outcome(ChangeRun(to="retry"), run.id, attempt=1)
    retried = await place.state(run)
    await place.ends(run)
    too_often = await place.outcome(ChangeRun(to="retry"), run.id, attempt=10)

    assert (again.kind, retried.type) == ("action.done", StateType.SCHEDULED)
    assert failed(too_often) == "The run has had 10 attempts; a rule gives it no more."


async def test_a_run_is_cancelled_by_the_rule(place: Place) -> None:
    run = await place.run()

    await place.outcome(ChangeRun(to="cancel", run=run.id))

    state = await place.state(run)
    assert (state.type, "rule broken" in state.message) == (StateType.CANCELLED, True)


async def test_schedules_and_pools_are_paused_and_resumed(place: Place) -> None:
    seen: list[tuple[list[bool], bool]] = []
    for to in ("pause", "pause", "resume"):
        await place.outcome(ChangeSchedule(to=to, deployment="nightly"))
        await place.outcome(ChangePool(to=to, pool="pool"))
        schedules = (await place.work.deployment("nightly")).schedules
        seen.append(([one.active for one in schedules], (await place.work.pool("pool")).paused))

    assert seen == [([False, False], True), ([False, False], True), ([True, True], False)]
