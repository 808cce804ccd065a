"""The tables of work: a fold of the events, whatever comes in one batch, and what of them outlives retention."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from segue import run_events, states, work_events
from segue.records import FlowRun
from segue.records.work import Deployment, Lease, Limit, RunRequest, Schedule, WorkerInfo, WorkItem, WorkPool
from segue.services.retention import Retention
from segue.tables import projections
from segue.work.local import LocalWork
from segue.work_projection import WorkProjection
from segue_events import Bus, Event, SqliteJournal
from segue_events.testing import FakeClock

DAY = 86_400 * 1_000_000
IDS = [str(UUID(int=number)) for number in range(1, 4)]
DEPLOYMENT = Deployment(id=IDS[0], name="daily", flow_name="etl", entrypoint="e.py:f", pool="p")


def in_line(run_id: str, again: str = "") -> Event:
    run = FlowRun(id=run_id, name="brave-otter", flow_name="etl")
    item = WorkItem(run_id=run_id, deployment_id=DEPLOYMENT.id, schedule_id="s", pool="p", due=5)
    return work_events.run_scheduled(run, item, 5, again=again)


def ended(run_id: str) -> Event:
    return run_events.flow_run_state(FlowRun(id=run_id, name="x", flow_name="etl"), states.Completed(occurred=9))


MAKERS: list[Callable[[str], Event]] = [
    in_line,
    lambda one: in_line(one, again="AwaitingRetry"),
    lambda one: work_events.run_claimed(one, "w1", 1, 6),
    lambda one: work_events.run_claimed(one, "w2", 2, 7),
    lambda one: work_events.run_returned(one, "w1", 1, 8),
    lambda one: run_events.flow_run_cancel_requested(one, "ann", "", 8),
    lambda one: run_events.flow_run_deleted(one, 8),
    ended,
    lambda one: work_events.worker_started(WorkerInfo(id=one, name="w", pool="p"), 1),
    lambda one: work_events.worker_seen(one, 2),
    lambda one: work_events.worker_gone(one, 3, lost=True),
    lambda one: work_events.pool_saved(WorkPool(name=one), 1),
    lambda one: work_events.pool_deleted(one, 1),
    lambda one: work_events.limit_saved(Limit(name=one, slots=1), 1),
    lambda one: work_events.limit_deleted(one, 1),
    lambda one: work_events.lease_acquired(Lease(id=one, limits=("a",), slots=1, holder="x", until=5), 1),
    lambda one: work_events.lease_renewed(Lease(id=one, limits=("a",), slots=1, holder="x", until=9), 1),
    lambda one: work_events.lease_released(one, 1),
    lambda one: work_events.deployment_saved(Deployment(id=one, name="d", flow_name="f", entrypoint="e"), 1),
    lambda one: work_events.deployment_deleted(one, 1),
    lambda one: work_events.schedule_passed(one, "s", 7, 1),
    lambda one: work_events.schedule_passed(one, "s", 3, 1),
]


async def tables(folder: Path, batches: list[list[Event]]) -> dict[str, list[tuple[Any, ...]]]:
    async with SqliteJournal(folder / "segue.db", projections=projections()) as journal:
        for batch in batches:
            await journal.append(batch)
        assert await journal.check() == []
        return {name: await journal.query(f"SELECT * FROM {name} ORDER BY 1, 2") for name in WorkProjection.tables}


@pytest.mark.parametrize("seed", range(12))
async def test_one_batch_makes_the_same_tables_as_one_event_at_a_time(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    chosen = [(random.choice(MAKERS), random.choice(IDS)) for _ in range(60)]
    for folder in ("at-once", "one-by-one"):
        (tmp_path / folder).mkdir()

    at_once = await tables(tmp_path / "at-once", [[make(one) for make, one in chosen]])
    one_by_one = await tables(tmp_path / "one-by-one", [[make(one)] for make, one in chosen])
    assert at_once == one_by_one
    assert any(at_once.values())


async def test_who_claims_a_run_that_is_held_does_not_get_it(tmp_path: Path) -> None:
    claims = [work_events.run_claimed(IDS[0], worker, 1, 6) for worker in ("first", "second")]

    kept = await tables(tmp_path, [[in_line(IDS[0]), *claims]])
    assert "first" in kept["work_item"][0]


async def test_a_schedule_is_not_set_back_by_a_run_that_is_made_up_for(tmp_path: Path) -> None:
    late, early = (work_events.schedule_passed(DEPLOYMENT.id, "s", at, 1) for at in (70, 30))

    kept = await tables(tmp_path, [[late], [early, in_line(IDS[1])]])
    assert [row[:3] for row in kept["schedule_mark"]] == [(UUID(DEPLOYMENT.id).bytes, "s", 70)]


async def test_events_that_are_not_as_they_should_be_are_left_out(tmp_path: Path) -> None:
    kinds = [value for name, value in vars(work_events).items() if name.isupper() and isinstance(value, str)]
    payloads: list[dict[str, Any]] = [
        {},
        {"deployment": 7, "lease": [], "worker": None, "id": 1},
        {"deployment": IDS[0], "at": 2**70, "lease": {"id": 1}, "epoch": "x", "worker": {}, "name": []},
    ]
    hostile = [Event(kind=kind, payload=payload, run="r", subject="s") for kind in kinds for payload in payloads]

    kept = await tables(tmp_path, [hostile])
    assert not any(kept.values())


# --- what outlives the events ---


@pytest.fixture
async def old(tmp_path: Path) -> AsyncIterator[tuple[LocalWork, Bus, SqliteJournal, FakeClock]]:
    clock = FakeClock()
    journal = SqliteJournal(tmp_path / "segue.db", projections=projections(), clock=clock)
    async with journal, Bus(journal, clock) as bus:
        clock.watch(journal, bus)
        yield LocalWork(journal, bus, clock), bus, journal, clock


async def test_what_is_saved_outlives_the_events_that_said_so(
    old: tuple[LocalWork, Bus, SqliteJournal, FakeClock],
) -> None:
    work, bus, journal, clock = old
    pool = await work.save_pool(WorkPool(name="p", limit=3))
    limit = await work.save_limit(Limit(name="db", slots=2))
    schedules = (Schedule(id="s", interval=60.0),)
    deployment = await work.save_deployment(
        Deployment(id="", name="daily", flow_name="etl", entrypoint="e.py:f", pool="p", schedules=schedules)
    )
    worker = await work.join(WorkerInfo(id="", name="w", pool="p"))
    run = await work.create_run(RunRequest(deployment_id=deployment.id, schedule_id="s", due=clock.now_us()))
    await work.cancel_run(run.id)
    marks = await work.store.marks()
    await clock.advance(40 * DAY / 1e6)

    retention = Retention(journal, bus, days=30)
    while await retention.step(clock.now_us()) < 1:
        pass
    left = await journal.read()
    assert "flow-run.scheduled" not in {event.kind for event in left}
    await journal.rebuild()
    assert await work.deployments() == [deployment]
    assert (await work.pools(), await work.limits()) == ([pool], [limit])
    assert [one.id for one in await work.store.workers(since=0)] == [worker.id]
    assert await work.store.marks() == marks == {(deployment.id, "s"): run.created}


async def test_a_run_that_waits_outlives_retention_with_all_that_it_takes(
    old: tuple[LocalWork, Bus, SqliteJournal, FakeClock],
) -> None:
    work, bus, journal, clock = old
    deployment = await work.save_deployment(Deployment(id="", name="d", flow_name="f", entrypoint="e.py:f"))
    run = await work.create_run(RunRequest(deployment_id=deployment.id, parameters={"day": 1}))
    item = await work.store.item(run.id)
    await clock.advance(40 * DAY / 1e6)

    retention = Retention(journal, bus, days=30)
    while await retention.step(clock.now_us()) < 1:
        pass
    await journal.rebuild()
    assert await work.store.item(run.id) == item
    server = await work.join(WorkerInfo(id="", name="w", pool="", queues=(deployment.id,)))
    assert [claim.parameters for claim in await work.claim(server.id, 1)] == [{"day": 1}]
