"""Why a run that waits has not begun: one reason each, what is in its way first."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from segue import run_events, states
from segue.records import FlowRun
from segue.records.work import Claim, Deployment, Limit, RunRequest, WorkerInfo, WorkPool, WorkQueue
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, SqliteJournal
from segue_events.testing import FakeClock

SECOND = 1_000_000


class Yard:
    """A pool with a deployment, whose runs have reasons."""

    def __init__(self, work: LocalWork, bus: Bus, clock: FakeClock) -> None:
        self.work, self.bus, self.clock = work, bus, clock

    async def deploy(self, **more: Any) -> Deployment:
        known: dict[str, Any] = {"id": "", "name": "daily", "flow_name": "etl", "entrypoint": "e.py:f", "pool": "p"}
        return await self.work.save_deployment(Deployment(**{**known, **more}))

    async def worker(self, **more: Any) -> WorkerInfo:
        return await self.work.join(WorkerInfo(**{"id": "", "name": "w1", "pool": "p", **more}))

    async def run(self, deployment: Deployment, **more: Any) -> str:
        return (await self.work.create_run(RunRequest(deployment_id=deployment.id, **more))).id

    async def begin(self, claim: Claim) -> None:
        run = FlowRun(id=claim.run_id, name=claim.run_name, flow_name=claim.flow_name)
        self.bus.publish(run_events.flow_run_state(run, states.Pending(occurred=self.clock.now_us())))
        await self.bus.flushed()

    async def pool(self, **more: Any) -> None:
        await self.work.save_pool(WorkPool(name="p", **more))


@pytest.fixture
async def yard(tmp_path: Path) -> AsyncIterator[Yard]:
    clock = FakeClock()
    async with SqliteJournal(tmp_path / "segue.db", projections=projections()) as journal, Bus(journal, clock) as bus:
        clock.watch(journal, bus)
        made = Yard(LocalWork(journal, bus, clock), bus, clock)
        await made.pool()
        yield made


async def test_nobody_is_there_to_take_it(yard: Yard) -> None:
    run = await yard.run(await yard.deploy())

    assert (
        await yard.work.why_waiting(run) == "No worker polls the work pool 'p'; start one: `segue worker start -p 'p'`."
    )
    await yard.worker(queues=("fast",))
    assert await yard.work.why_waiting(run) == (
        "No worker takes the queue 'default' of work pool 'p': 'w1' takes others. "
        "Start one: `segue worker start -p 'p' -q 'default'`."
    )
    await yard.worker()
    assert await yard.work.why_waiting(run) == "A worker is about to take it."
    await yard.clock.advance(31)
    assert (await yard.work.why_waiting(run)).startswith("No worker polls the work pool 'p'")


async def test_nobody_serves_it(yard: Yard) -> None:
    run = await yard.run(await yard.deploy(pool=""))

    assert (await yard.work.why_waiting(run)).startswith("No process serves deployment 'etl/daily'; start the one")


async def test_its_time_has_not_come(yard: Yard) -> None:
    await yard.worker()
    now = yard.clock.now_us()
    deployment = await yard.deploy()
    told = {
        5: "It is due at 2030-01-01 00:00:05 UTC, in 5 s.",
        200: "It is due at 2030-01-01 00:03:20 UTC, in 3 min 20 s.",
        7200: "It is due at 2030-01-01 02:00:00 UTC, in 2 h.",
        90_000: "It is due at 2030-01-02 01:00:00 UTC, in 1 d 1 h.",
    }
    for seconds, sentence in told.items():
        assert await yard.work.why_waiting(await yard.run(deployment, due=now + seconds * SECOND)) == sentence


async def test_something_is_paused(yard: Yard) -> None:
    await yard.worker()
    deployment = await yard.deploy(paused=True)
    run = await yard.run(deployment, schedule_id="often", due=yard.clock.now_us())

    assert await yard.work.why_waiting(run) == (
        "Deployment 'etl/daily' is paused, and the runs of its schedules wait; `segue deployment resume 'etl/daily'` "
        "lets them go."
    )
    asked_for = await yard.run(deployment, schedule_id="often", due=yard.clock.now_us() - SECOND, tags=("backfill",))
    assert await yard.work.why_waiting(asked_for) == "A worker is about to take it."
    await yard.deploy()
    await yard.pool(paused=True)
    assert await yard.work.why_waiting(run) == (
        "Work pool 'p' is paused; `segue work-pool resume 'p'` lets its runs go."
    )
    await yard.pool(queues=(WorkQueue(paused=True),))
    assert (
        await yard.work.why_waiting(run) == "Queue 'default' of work pool 'p' is paused; resume it to let its runs go."
    )


async def test_a_limit_is_full_and_its_holders_are_named(yard: Yard) -> None:
    worker = await yard.worker()
    deployment = await yard.deploy(concurrency_limit=1)
    await yard.run(deployment, name="first")
    run = await yard.run(deployment)
    await yard.work.claim(worker.id, 1)

    assert await yard.work.why_waiting(run) == ("As many runs of deployment 'etl/daily' go as may (1): 'first'.")
    await yard.deploy()
    await yard.pool(limit=1)
    assert await yard.work.why_waiting(run) == "As many runs of work pool 'p' go as may (1): 'first'."
    await yard.pool(queues=(WorkQueue(limit=1),))
    assert await yard.work.why_waiting(run) == (
        "As many runs of queue 'default' of work pool 'p' go as may (1): 'first'."
    )


async def test_a_limit_on_a_tag_is_full_and_its_holders_are_named(yard: Yard) -> None:
    worker = await yard.worker()
    deployment = await yard.deploy(tags=("heavy",))
    await yard.run(deployment, name="first")
    run = await yard.run(deployment)
    await yard.work.save_limit(Limit(name="heavy", slots=1, tag=True))
    await yard.work.claim(worker.id, 1)

    assert await yard.work.why_waiting(run) == "As many runs with the tag 'heavy' go as may (1): 'first'."
    await yard.work.save_limit(Limit(name="heavy", slots=0, tag=True))
    assert await yard.work.why_waiting(run) == (
        "The limit on the tag 'heavy' has no slots; raise it to let runs with this tag go."
    )
    await yard.work.save_limit(Limit(name="heavy", slots=1, tag=True, refill=0.01))
    assert await yard.work.why_waiting(run) == "A worker is about to take it."
    await yard.work.acquire(["heavy"], 1, "a task run")
    assert await yard.work.why_waiting(run) == (
        "Runs with the tag 'heavy' begin at a rate of 0.01 a second, and it is not its turn."
    )
    await yard.work.save_limit(Limit(name="heavy", slots=1, tag=True, active=False))
    assert await yard.work.why_waiting(run) == "A worker is about to take it."


async def test_the_runs_of_its_key_are_too_many(yard: Yard) -> None:
    worker = await yard.worker()
    deployment = await yard.deploy(concurrency_limit=1, concurrency_key="{customer}")
    await yard.run(deployment, name="one", parameters={"customer": "ann"})
    await yard.work.claim(worker.id, 9)
    ann = await yard.run(deployment, parameters={"customer": "ann"})
    bob = await yard.run(deployment, parameters={"customer": "bob"})

    assert await yard.work.why_waiting(ann) == (
        "As many runs with the key 'ann' of deployment 'etl/daily' go as may (1): 'one'."
    )
    assert await yard.work.why_waiting(bob) == "1 run is before it in its queue."


async def test_the_workers_have_enough_to_do(yard: Yard) -> None:
    worker = await yard.worker(limit=1)
    deployment = await yard.deploy()
    await yard.run(deployment, name="first")
    run = await yard.run(deployment)
    await yard.work.claim(worker.id, 9)

    assert await yard.work.why_waiting(run) == (
        "The workers that would take it have as many runs as they take at a time ('w1'): 'first'."
    )


async def test_it_was_taken_and_has_not_begun(yard: Yard) -> None:
    worker = await yard.worker()
    run = await yard.run(await yard.deploy())
    [claim] = await yard.work.claim(worker.id, 9)
    await yard.clock.advance(3)

    assert await yard.work.why_waiting(run) == "Worker 'w1' took it 3 s ago and is starting it."
    await yard.clock.advance(28)
    assert await yard.work.why_waiting(run) == (
        "The worker that took it gives no sign of life; when it is thought lost, another may take the run."
    )
    await yard.begin(claim)
    assert await yard.work.why_waiting(run) == ""


async def test_its_pool_or_queue_is_gone(yard: Yard) -> None:
    deployment = await yard.deploy(queue="fast")
    run = await yard.run(deployment)
    await yard.work.save_deployment(replace(deployment, queue="default"))
    await yard.pool()
    assert await yard.work.why_waiting(run) == "Work pool 'p' has no queue 'fast' any more; create it again."

    await yard.work.save_deployment(replace(deployment, pool="", queue="default"))
    await yard.work.delete_pool("p")
    assert (await yard.work.why_waiting(run)).startswith("There is no work pool 'p' any more; `segue work-pool create")


async def test_what_does_not_wait_has_no_reason(yard: Yard) -> None:
    await yard.worker()
    run = await yard.run(await yard.deploy())
    cancelled = await yard.work.cancel_run(run, "ann")

    assert (cancelled.state.name, cancelled.state.message) == ("Cancelled", "ann cancelled it before it had begun.")
    assert await yard.work.why_waiting(run) == ""
