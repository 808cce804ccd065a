"""What every Work promises: on a journal of this machine, and at a server."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvicorn
from msgspec.structs import replace

from segue import run_events, states
from segue.client import AsyncClient
from segue.exceptions import (
    AmbiguousDeployment,
    CannotRetry,
    InvalidRun,
    InvalidWork,
    UnknownDeployment,
    UnknownLimit,
    UnknownPool,
    UnknownRun,
)
from segue.records import FlowRun
from segue.records.work import (
    Claim,
    Deployment,
    Limit,
    RunRequest,
    Schedule,
    WorkerInfo,
    WorkPool,
    WorkQueue,
)
from segue.server.app import create_app
from segue.server.wiring import Wiring, wired
from segue.services.lost_workers import LostWorkers
from segue.settings import load_settings
from segue.states import State, StateType
from segue.store import Store
from segue.tables import projections
from segue.work import Work
from segue.work.api import ApiWork
from segue.work.local import LocalWork
from segue_events import Bus, SqliteJournal
from segue_events.testing import FakeClock

T = TypeVar("T")
SECOND = 1_000_000


@dataclass
class Place:
    """A Work to be tried, what lies behind it, and short ways to have something there."""

    work: Work
    behind: LocalWork
    bus: Bus
    store: Store
    clock: FakeClock

    async def deployment(self, name: str = "daily", flow_name: str = "etl", **more: Any) -> Deployment:
        known: dict[str, Any] = {"id": "", "entrypoint": "etl.py:etl", "pool": "my-pool", **more}
        return await self.work.save_deployment(Deployment(name=name, flow_name=flow_name, **known))

    async def pool(self, name: str = "my-pool", **more: Any) -> WorkPool:
        return await self.work.save_pool(WorkPool(name=name, **more))

    async def worker(self, name: str = "w1", pool: str = "my-pool", **more: Any) -> WorkerInfo:
        return await self.work.join(WorkerInfo(id="", name=name, pool=pool, host="box", **more))

    async def run(self, deployment: Deployment, **more: Any) -> FlowRun:
        return await self.work.create_run(RunRequest(deployment_id=deployment.id, **more))

    async def state(self, run_id: str) -> State[Any]:
        return (await self.store.runs.flow_run(run_id)).state

    async def says(self, claim: Claim, *path: State[Any]) -> None:
        """Record what the run itself says of its states, as its process does."""
        run = FlowRun(id=claim.run_id, name=claim.run_name, flow_name=claim.flow_name, run_count=claim.attempts)
        for state in path:
            run.enter(replace(state, occurred=self.clock.now_us()))
            self.bus.publish(run_events.flow_run_state(run, run.state))
        await self.bus.flushed()

    async def meanwhile(self, asked: Awaitable[T], happens: Callable[[], Awaitable[Any]]) -> T:
        """Let something happen while something is waited for; return what that gives."""
        waiting = asyncio.ensure_future(asked)
        await self.clock.settle()
        assert not waiting.done()
        await happens()
        return await waiting


@asynccontextmanager
async def local_place(folder: Path) -> AsyncGenerator[Place]:
    clock = FakeClock()
    async with (
        SqliteJournal(folder / "segue.db", projections=projections(), clock=clock) as journal,
        Bus(journal, clock) as bus,
    ):
        clock.watch(journal, bus)
        work = LocalWork(journal, bus, clock)
        yield Place(work, work, bus, Store(journal), clock)


@asynccontextmanager
async def far_place(folder: Path) -> AsyncGenerator[Place]:
    clock = FakeClock()
    async with wired(load_settings({"SEGUE_HOME": str(folder)}), clock) as wiring, serving(wiring) as url:
        clock.watch(wiring.journal, wiring.bus)
        async with AsyncClient(url, attempts=1) as client:
            yield Place(ApiWork(client, clock), wiring.work, wiring.bus, wiring.store, clock)


@asynccontextmanager
async def serving(wiring: Wiring) -> AsyncGenerator[str]:
    """Serve these parts on a free port, without the pauses that a server of its own process makes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(create_app(wiring), lifespan="off", log_config=None)
        config.load()
        server = uvicorn.Server(config)
        server.lifespan = config.lifespan_class(config)
        await server.startup([listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api"
        finally:
            await server.shutdown([listener])


PLACES: dict[str, Callable[[Path], AbstractAsyncContextManager[Place]]] = {"local": local_place, "far": far_place}


@pytest.fixture(params=list(PLACES))
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    async with PLACES[request.param](tmp_path) as made:
        yield made


# --- deployments ---


async def test_a_deployment_that_is_saved_again_keeps_its_id_and_when_it_was_created(place: Place) -> None:
    await place.pool()
    first = await place.deployment(parameters={"day": 1})
    await place.clock.advance(60)
    again = await place.deployment(parameters={"day": 2})

    assert (again.id, again.created) == (first.id, first.created)
    assert again.updated == first.updated + 60 * SECOND
    assert [one.parameters for one in await place.work.deployments()] == [{"day": 2}]


async def test_a_deployment_is_found_by_id_and_by_names_a_person_would_type(place: Place) -> None:
    await place.pool()
    wanted = await place.deployment("my deployment", "main-flow")
    await place.deployment("other", "main-flow")

    for name in (wanted.id, "main-flow/my deployment", "Main_Flow/my-deployment", "My_Deployment"):
        assert (await place.work.deployment(name)).id == wanted.id


async def test_a_name_that_may_mean_several_deployments_lists_them(place: Place) -> None:
    await place.pool()
    await place.deployment("my-run", "a")
    await place.deployment("my run", "b")

    with pytest.raises(AmbiguousDeployment, match="'a/my-run', 'b/my run'"):
        await place.work.deployment("my_run")
    assert (await place.work.deployment("my run")).flow_name == "b"


async def test_an_unknown_deployment_is_refused_with_the_nearest_name(place: Place) -> None:
    await place.pool()
    await place.deployment("nightly", "etl")

    with pytest.raises(UnknownDeployment, match=r"no deployment 'etl/nigthly'\. Did you mean 'etl/nightly'\?"):
        await place.work.deployment("etl/nigthly")
    with pytest.raises(UnknownDeployment):
        await place.run(Deployment(id="01890000-0000-7000-8000-000000000000", name="x", flow_name="x", entrypoint="x"))


async def test_deployments_are_listed_by_flow_pool_tag_and_text(place: Place) -> None:
    await place.pool()
    await place.pool("other")
    await place.deployment("b", tags=("prod",))
    await place.deployment("a", "load")
    await place.deployment("c", "load", pool="other")

    async def names(**wanted: str) -> list[str]:
        return [one.full_name for one in await place.work.deployments(**wanted)]

    assert await names() == ["etl/b", "load/a", "load/c"]
    assert await names(flow="load") == ["load/a", "load/c"]
    assert await names(pool="other") == ["load/c"]
    assert await names(tag="prod") == ["etl/b"]
    assert await names(search="D/A") == ["load/a"]


async def test_a_deployment_for_a_pool_that_is_not_there_is_refused(place: Place) -> None:
    await place.pool("my-pool")

    with pytest.raises(UnknownPool, match=r"no work pool 'my-pol'\. Did you mean 'my-pool'\?"):
        await place.deployment(pool="my-pol")


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"entrypoint": ""}, "no entrypoint"),
        ({"name": "a/b"}, "invalid character"),
        ({"id": "seven"}, "is no UUID"),
        ({"concurrency_limit": 0}, "needs 1 or more"),
        ({"concurrency_key": "{customer}"}, "a concurrency key and no limit"),
        ({"parameter_schema": {"type": "objekt"}}, "is no JSON schema"),
        ({"schedules": (Schedule(id="s", interval=60.0, cron="* * * * *"),)}, "schedule"),
        ({"parameters": {"share": float("nan")}}, "which JSON does not have"),
    ],
)
async def test_a_deployment_that_cannot_work_is_refused(place: Place, wrong: dict[str, Any], why: str) -> None:
    await place.pool()

    with pytest.raises(InvalidWork, match=why):
        await place.deployment(**{"name": "daily", **wrong})
    assert await place.work.deployments() == []


async def test_a_deployment_that_is_deleted_takes_the_runs_that_nobody_has_begun_along(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    held = await place.run(deployment)
    await place.work.claim(worker.id, 1)
    waiting = await place.run(deployment)
    await place.work.delete_deployment(deployment.id)

    with pytest.raises(UnknownDeployment):
        await place.work.deployment("etl/daily")
    with pytest.raises(UnknownRun):
        await place.state(waiting.id)
    assert (await place.state(held.id)).is_scheduled()


# --- pools ---


async def test_a_pool_is_saved_found_and_deleted(place: Place) -> None:
    made = await place.pool("a", limit=3, queues=(WorkQueue(name="fast"),))
    await place.pool("b")

    assert await place.work.pool("a") == made
    assert [pool.name for pool in await place.work.pools()] == ["a", "b"]
    await place.work.delete_pool("b")
    with pytest.raises(UnknownPool, match=r"'b'.*There are: a"):
        await place.work.pool("b")


async def test_a_pool_that_deployments_use_is_neither_deleted_nor_left_without_their_queue(place: Place) -> None:
    await place.pool()
    await place.deployment(queue="fast")

    assert [queue.name for queue in (await place.work.pool("my-pool")).queues] == ["default", "fast"]
    with pytest.raises(InvalidWork, match="used by 1 deployments, such as 'etl/daily'"):
        await place.work.delete_pool("my-pool")
    with pytest.raises(InvalidWork, match=r"Queue 'fast' .* is used by the deployment 'etl/daily'"):
        await place.pool()


async def test_a_pool_that_cannot_work_is_refused(place: Place) -> None:
    for wrong in (WorkPool(name=" "), WorkPool(name="p", limit=0), WorkPool(name="p", queues=())):
        with pytest.raises(InvalidWork):
            await place.work.save_pool(wrong)
    assert await place.work.pools() == []


# --- runs ---


async def test_a_run_that_is_asked_for_is_scheduled_with_what_deployment_and_request_say(place: Place) -> None:
    await place.pool(job_variables={"cpu": 1, "image": "base"})
    deployment = await place.deployment(
        parameters={"day": 1, "city": "Rome"}, tags=("prod",), job_variables={"image": "etl"}
    )
    due = place.clock.now_us() + 5 * SECOND
    run = await place.run(
        deployment, parameters={"day": 2}, due=due, name="mine", tags=("now",), job_variables={"cpu": 4}
    )

    assert (run.name, run.flow_name, run.tags) == ("mine", "etl", ("prod", "now"))
    assert (run.state.type, run.parameters) == (StateType.SCHEDULED, {"day": 2, "city": "Rome"})
    worker = await place.worker()
    assert await place.work.claim(worker.id, 5) == []
    await place.clock.advance(5)
    [claim] = await place.work.claim(worker.id, 5)
    assert (claim.run_id, claim.run_name, claim.due, claim.epoch) == (run.id, "mine", due, 1)
    assert (claim.parameters, claim.tags) == (run.parameters, run.tags)
    assert claim.job_variables == {"cpu": 4, "image": "etl"}
    assert claim.deployment == deployment


async def test_the_same_key_means_the_same_run_and_so_does_the_same_instant_of_a_schedule(place: Place) -> None:
    await place.pool()
    deployment = await place.deployment(schedules=(Schedule(id="s", interval=60.0, parameters={"hour": 1}),))
    due = place.clock.now_us()

    one, two = await place.run(deployment, key="k"), await place.run(deployment, key="k")
    assert one.id == two.id
    three, four = [await place.run(deployment, schedule_id="s", due=due) for _ in "ab"]
    assert three.id == four.id
    assert three.parameters == {"hour": 1}
    assert (await place.run(deployment)).id != (await place.run(deployment)).id
    assert len((await place.store.runs.flow_runs()).items) == 4


async def test_parameters_that_do_not_fit_the_schema_are_refused(place: Place) -> None:
    await place.pool()
    schema = {"type": "object", "properties": {"day": {"type": "integer"}}, "required": ["day"]}
    deployment = await place.deployment(parameter_schema=schema)

    with pytest.raises(InvalidRun, match=r"no parameter 'dya'\. Did you mean 'day'"):
        await place.run(deployment, parameters={"dya": 1})
    with pytest.raises(InvalidRun, match='day: "x" is not of type "integer"'):
        await place.run(deployment, parameters={"day": "x"})
    with pytest.raises(InvalidRun, match='"day" is a required property'):
        await place.run(deployment)
    lenient = await place.deployment("lenient", parameter_schema=schema, enforce_parameter_schema=False)
    await place.run(lenient, parameters={"day": "x"})


async def test_a_run_that_has_ended_runs_again_as_another_attempt_under_the_same_id(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    run = await place.run(deployment, parameters={"day": 1}, job_variables={"cpu": 4})
    [claim] = await place.work.claim(worker.id, 1)
    await place.says(claim, states.Pending(), states.Running())
    with pytest.raises(CannotRetry, match="has not ended"):
        await place.work.retry_run(run.id)
    await place.says(replace(claim, attempts=1), states.Failed(message="no disk"))

    again = await place.work.retry_run(run.id)
    assert (again.id, again.state.name, again.state.type) == (run.id, "AwaitingRetry", StateType.SCHEDULED)
    [claim] = await place.work.claim(worker.id, 1)
    assert (claim.run_id, claim.epoch, claim.attempts) == (run.id, 2, 1)
    assert (claim.parameters, claim.job_variables) == ({"day": 1}, {"cpu": 4})


async def test_a_run_of_no_deployment_cannot_be_retried(place: Place) -> None:
    run = FlowRun(id="01890000-0000-7000-8000-000000000001", name="alone", flow_name="etl")
    place.bus.publish(run_events.flow_run_pending(run))
    place.bus.publish(run_events.flow_run_state(run, states.Failed(occurred=1)))
    await place.bus.flushed()

    with pytest.raises(CannotRetry, match="belongs to no deployment"):
        await place.work.retry_run(run.id)
    with pytest.raises(UnknownRun):
        await place.work.retry_run("01890000-0000-7000-8000-000000000002")


# --- workers ---


async def test_a_worker_that_joins_makes_its_pool_and_its_queues(place: Place) -> None:
    worker = await place.worker(queues=("fast",))

    pool = await place.work.pool("my-pool")
    assert (pool.type, [queue.name for queue in pool.queues]) == ("process", ["default", "fast"])
    assert [one.id for one in await place.work.workers("my-pool")] == [worker.id]
    with pytest.raises(InvalidWork, match="is of type 'process', and the worker 'w2' of type 'docker'"):
        await place.worker("w2", type="docker")


async def test_workers_are_given_runs_in_order_of_queue_priority_and_due(place: Place) -> None:
    await place.pool(queues=(WorkQueue(name="slow", priority=9), WorkQueue(name="fast", priority=1)))
    slow = await place.deployment("slow", queue="slow")
    fast = await place.deployment("fast", queue="fast")
    worker = await place.worker()
    now = place.clock.now_us()
    for deployment, name, more in (
        (slow, "e", {}),
        (fast, "d", {"due": now + 2}),
        (fast, "c", {"due": now + 1}),
        (fast, "b", {"due": now + 1, "priority": -1}),
        (fast, "f", {"due": now + 60 * SECOND}),
    ):
        await place.run(deployment, name=name, **more)
    await place.clock.advance(1)

    assert [claim.run_name for claim in await place.work.claim(worker.id, 2)] == ["b", "c"]
    assert [claim.run_name for claim in await place.work.claim(worker.id, 9)] == ["d", "e"]
    assert await place.work.claim(worker.id, 9) == []


async def test_a_worker_takes_only_runs_of_its_queues(place: Place) -> None:
    await place.pool(queues=(WorkQueue(name="a"), WorkQueue(name="b")))
    await place.run(await place.deployment("a", queue="a"))
    await place.run(await place.deployment("b", queue="b"))
    worker = await place.worker(queues=("b",))

    assert [claim.deployment.name for claim in await place.work.claim(worker.id, 9)] == ["b"]


async def test_no_run_is_given_to_two_however_many_ask_at_once(place: Place) -> None:
    await place.pool()
    deployment = await place.deployment()
    runs = {(await place.run(deployment)).id for _ in range(20)}
    workers = [await place.worker(f"w{number}") for number in range(4)]

    given = await asyncio.gather(*(place.work.claim(worker.id, 3) for worker in workers for _ in "ab"))
    ids = [claim.run_id for claims in given for claim in claims]
    assert sorted(ids) == sorted(runs)


async def test_who_waits_for_runs_is_given_one_as_soon_as_it_is_there(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()

    async def ask() -> None:
        await place.run(deployment, name="soon")

    claims = await place.meanwhile(place.work.claim(worker.id, 1, wait=20), ask)
    assert [claim.run_name for claim in claims] == ["soon"]


async def test_who_waits_for_runs_is_given_one_at_its_instant_and_nothing_after_the_wait(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    await place.run(deployment, due=place.clock.now_us() + 3 * SECOND)

    await place.meanwhile(place.work.claim(worker.id, 1, wait=20), lambda: place.clock.advance(3))
    assert await place.meanwhile(place.work.claim(worker.id, 1, wait=5), lambda: place.clock.advance(5)) == []


async def test_pools_queues_workers_and_deployments_bound_how_many_runs_go(place: Place) -> None:
    await place.pool(limit=4, queues=(WorkQueue(limit=3), WorkQueue(name="other")))
    bounded = await place.deployment("bounded", concurrency_limit=1)
    free, other = await place.deployment("free"), await place.deployment("other", queue="other")
    for deployment in (bounded, bounded, free, free, free, other, other):
        await place.run(deployment)
    small, large = await place.worker("small", limit=1), await place.worker("large")

    assert len(await place.work.claim(small.id, 9)) == 1
    given = [claim.deployment.name for claim in await place.work.claim(large.id, 9)]
    # One of four is the small one's; of the queue's three, two are left; the bounded one's other run is passed over.
    assert given == ["free", "free", "other"]
    assert await place.work.claim(large.id, 9) == []


async def test_a_place_is_free_again_when_its_run_ends(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(concurrency_limit=1), await place.worker()
    for name in ("one", "two"):
        await place.run(deployment, name=name)
    [claim] = await place.work.claim(worker.id, 9)

    async def end() -> None:
        await place.says(claim, states.Pending(), states.Running(), states.Completed())

    [following] = await place.meanwhile(place.work.claim(worker.id, 9, wait=20), end)
    assert (claim.run_name, following.run_name) == ("one", "two")


async def test_each_concurrency_key_is_bounded_by_itself(place: Place) -> None:
    await place.pool()
    deployment = await place.deployment(concurrency_limit=1, concurrency_key="{customer}")
    for customer in ("a", "a", "b", "a", "b", "c"):
        await place.run(deployment, parameters={"customer": customer})
    worker = await place.worker()

    assert [claim.parameters["customer"] for claim in await place.work.claim(worker.id, 9)] == ["a", "b", "c"]
    with pytest.raises(InvalidRun, match="concurrency key of deployment 'etl/daily'"):
        await place.run(deployment)


async def test_a_concurrency_key_sees_the_defaults_of_parameters(place: Place) -> None:
    await place.pool()
    schema = {"properties": {"airline": {"default": "AA"}, "day": {"type": "integer"}}}
    deployment = await place.deployment(concurrency_limit=1, concurrency_key="{airline}", parameter_schema=schema)
    for parameters in ({}, {"airline": "AA"}, {"airline": "UA"}):
        await place.run(deployment, parameters=parameters)
    worker = await place.worker()

    assert [claim.parameters for claim in await place.work.claim(worker.id, 9)] == [{}, {"airline": "UA"}]
    without = await place.deployment("each", concurrency_limit=1, concurrency_key="{day}", parameter_schema=schema)
    with pytest.raises(InvalidRun, match="day"):
        await place.run(without)


async def test_runs_that_are_too_many_are_cancelled_where_the_deployment_wants_it(place: Place) -> None:
    await place.pool()
    deployment = await place.deployment(concurrency_limit=1, collision="cancel-new")
    first, second = await place.run(deployment), await place.run(deployment)
    worker = await place.worker()

    assert [claim.run_id for claim in await place.work.claim(worker.id, 9)] == [first.id]
    state = await place.state(second.id)
    assert (state.type, state.message) == (
        StateType.CANCELLED,
        "As many runs of its deployment go as may, and new ones are cancelled.",
    )


async def test_flow_runs_hold_slots_of_limits_on_their_tags_until_they_end(place: Place) -> None:
    await place.pool()
    await place.work.save_limit(Limit(name="heavy", slots=1, tag=True))
    deployment, worker = await place.deployment(tags=("heavy", "nightly")), await place.worker()
    one, two = await place.run(deployment, name="one"), await place.run(deployment, name="two")
    light = await place.run(await place.deployment("light"))

    [claim, other] = await place.work.claim(worker.id, 2)
    assert (claim.run_id, other.run_id) == (one.id, light.id)
    assert [lease.holder for lease in await place.work.leases("heavy")] == [one.id]
    assert await place.work.acquire(["heavy"], 1, "a task run") is None
    # Nobody has to renew it.
    for _ in range(4):
        await place.clock.advance(20)
        await place.work.beat(worker.id, [claim.run_id, other.run_id])
    assert await place.work.claim(worker.id, 9) == []

    ends = (states.Pending(), states.Running(), states.Completed())
    [following] = await place.meanwhile(place.work.claim(worker.id, 9, wait=20), lambda: place.says(claim, *ends))
    assert following.run_id == two.id
    await place.work.leave(worker.id)
    assert await place.work.leases("heavy") == []


async def test_a_run_of_a_tag_waits_for_task_runs_of_it_and_for_limits_that_change(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(tags=("heavy", "db")), await place.worker()
    await place.work.save_limit(Limit(name="heavy", slots=1, tag=True))
    # A limit that is not on a tag, and one that is not active, hold back no run.
    await place.work.save_limit(Limit(name="db", slots=0))
    lease = await place.work.acquire(["heavy"], 1, "a task run")
    assert lease is not None
    runs = [await place.run(deployment) for _ in range(3)]

    def claimed() -> Awaitable[list[Claim]]:
        return place.work.claim(worker.id, 9, wait=20)

    given = await place.meanwhile(claimed(), lambda: place.work.release(lease.id))
    given += await place.meanwhile(claimed(), lambda: place.work.save_limit(Limit(name="heavy", slots=2, tag=True)))
    given += await place.meanwhile(claimed(), lambda: place.work.delete_limit("heavy"))
    assert [claim.run_id for claim in given] == [run.id for run in runs]


async def test_a_deployment_that_is_paused_gives_the_runs_that_a_person_asks_for_only(place: Place) -> None:
    await place.pool()
    often = Schedule(id="often", interval=600)
    deployment, worker = await place.deployment(schedules=(often,)), await place.worker()
    of_schedule = {"schedule_id": "often", "due": place.clock.now_us()}
    scheduled = await place.run(deployment, **of_schedule)
    [claim] = await place.work.claim(worker.id, 9)
    await place.says(claim, states.Pending(), states.Running(), states.Failed(message="no disk"))
    await place.deployment(schedules=(often,), paused=True)
    held = await place.run(deployment, **of_schedule, key="another")
    asked_for = [
        await place.run(deployment),
        await place.run(deployment, **of_schedule, key="backfilled", tags=("backfill",)),
        await place.work.retry_run(scheduled.id),
    ]

    assert {claim.run_id for claim in await place.work.claim(worker.id, 9)} == {run.id for run in asked_for}
    resumed = await place.meanwhile(place.work.claim(worker.id, 9, wait=9), lambda: place.deployment(paused=False))
    assert [claim.run_id for claim in resumed] == [held.id]


async def test_a_pool_or_a_queue_that_is_paused_gives_no_runs(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    await place.run(deployment)

    await place.pool(paused=True)
    assert await place.work.claim(worker.id, 1) == []
    await place.pool(queues=(WorkQueue(paused=True),))
    assert await place.work.claim(worker.id, 1) == []
    assert len(await place.meanwhile(place.work.claim(worker.id, 1, wait=9), place.pool)) == 1


async def test_a_deployment_without_a_pool_runs_where_it_is_served(place: Place) -> None:
    deployment = await place.deployment(pool="")
    server = await place.worker(pool="", queues=(deployment.id,))
    other = await place.worker(pool="", queues=("01890000-0000-7000-8000-000000000000",))
    run = await place.run(deployment)

    assert await place.work.claim(other.id, 9) == []
    assert [claim.run_id for claim in await place.work.claim(server.id, 9)] == [run.id]
    assert await place.work.pools() == []


async def test_how_a_run_ended_is_recorded_once_and_by_who_holds_it_only(place: Place) -> None:
    await place.pool()
    deployment, worker, other = await place.deployment(), await place.worker(), await place.worker("w2")
    run = await place.run(deployment)
    [claim] = await place.work.claim(worker.id, 1)
    crashed = states.Crashed(message="It exited with code 3.", occurred=place.clock.now_us())

    assert not await place.work.settle(other.id, claim, crashed)
    assert not await place.work.settle(worker.id, replace(claim, epoch=7), crashed)
    assert await place.work.settle(worker.id, claim, crashed)
    assert (await place.state(run.id)).message == "It exited with code 3."
    assert not await place.work.settle(worker.id, claim, crashed)


async def test_what_a_run_has_said_of_its_end_stays(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    run = await place.run(deployment)
    [claim] = await place.work.claim(worker.id, 1)
    await place.says(claim, states.Pending(), states.Running(), states.Completed())

    assert not await place.work.settle(worker.id, claim, states.Crashed(occurred=1))
    assert (await place.state(run.id)).is_completed()


async def test_a_run_that_is_given_back_may_be_claimed_again(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    run = await place.run(deployment)
    [claim] = await place.work.claim(worker.id, 1)
    assert await place.work.settle(worker.id, claim, states.Scheduled())
    [claim] = await place.work.claim(worker.id, 1)
    assert (claim.run_id, claim.epoch) == (run.id, 2)

    await place.says(claim, states.Pending())
    assert await place.work.settle(worker.id, claim, states.Scheduled(message="Its image is not there yet."))
    assert (await place.state(run.id)).is_scheduled()
    assert [claim.epoch for claim in await place.work.claim(worker.id, 1)] == [3]


async def test_a_sign_of_life_brings_what_is_to_stop_and_what_is_lost(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    one, two = await place.run(deployment), await place.run(deployment)
    await place.work.claim(worker.id, 2)

    assert await place.work.beat(worker.id, [one.id, two.id]) == ((), ())
    place.bus.publish(run_events.flow_run_cancel_requested(one.id, "ann", "", place.clock.now_us()))
    await place.bus.flushed()
    beat = await place.work.beat(worker.id, [one.id, two.id, "01890000-0000-7000-8000-000000000000"])
    assert beat == ((one.id,), ("01890000-0000-7000-8000-000000000000",))
    assert await place.work.beat("nobody", [one.id]) == ((), (one.id,))


async def test_who_asks_what_is_to_stop_hears_of_it_when_somebody_wants_it(place: Place) -> None:
    await place.pool()
    deployment, worker, other = await place.deployment(), await place.worker(), await place.worker("w2")
    one, two = await place.run(deployment), await place.run(deployment)
    await place.work.claim(worker.id, 2)
    assert await place.work.stops(worker.id, []) == []

    heard: list[list[str]] = []

    for known, asked in (([], one), ([one.id], two)):
        listening = asyncio.create_task(place.work.stops(worker.id, known, 20.0))
        place.bus.publish(run_events.flow_run_cancel_requested(asked.id, "ann", "", place.clock.now_us()))
        heard.append(sorted(await listening))
    assert heard == [[one.id], sorted([one.id, two.id])]
    assert await place.work.stops(other.id, []) == []
    with pytest.raises(InvalidWork, match="no worker with the id 'nobody'"):
        await place.work.stops("nobody", [one.id], 20.0)


async def test_a_worker_that_leaves_gives_back_what_it_has_not_begun(place: Place) -> None:
    await place.pool()
    deployment, worker, other = await place.deployment(), await place.worker(), await place.worker("w2")
    begun, waiting = await place.run(deployment), await place.run(deployment)
    claims = await place.work.claim(worker.id, 2)
    await place.says(claims[0], states.Pending(), states.Running())
    await place.work.leave(worker.id)

    assert [claim.run_id for claim in await place.work.claim(other.id, 9)] == [waiting.id]
    assert (await place.state(begun.id)).is_running()
    assert await place.work.claim(worker.id, 9) == []
    await place.work.leave(worker.id)


async def test_a_worker_that_is_not_seen_loses_its_runs(place: Place) -> None:
    await place.pool()
    deployment, worker, other = await place.deployment(), await place.worker(), await place.worker("w2")
    begun, waiting = await place.run(deployment), await place.run(deployment)
    claims = await place.work.claim(worker.id, 2)
    await place.says(claims[0], states.Pending(), states.Running())
    service = LostWorkers(place.behind)

    await place.clock.advance(29)
    await place.work.beat(other.id, [])
    await service.step(place.clock.now_us())
    assert (await place.state(begun.id)).is_running()
    await place.clock.advance(2)
    await service.step(place.clock.now_us())
    state = await place.state(begun.id)
    assert (state.type, state.message) == (
        StateType.CRASHED,
        "Its worker 'w1' on box has not given a sign of life for 31 s.",
    )
    [claim] = await place.work.claim(other.id, 9)
    assert (claim.run_id, claim.epoch) == (waiting.id, 2)
    # The one that was thought lost lives: it learns that the runs are not its own, and is given others again.
    assert await place.work.beat(worker.id, [begun.id, waiting.id]) == ((), (begun.id, waiting.id))
    another = await place.run(deployment)
    assert [claim.run_id for claim in await place.work.claim(worker.id, 9)] == [another.id]


async def test_a_run_that_its_worker_does_not_know_of_waits_again(place: Place) -> None:
    await place.pool()
    deployment, worker = await place.deployment(), await place.worker()
    run = await place.run(deployment)
    await place.work.claim(worker.id, 1)  # the answer is lost on its way

    await place.work.beat(worker.id, [])
    assert await place.work.claim(worker.id, 1) == []
    await place.clock.advance(30)
    await place.work.beat(worker.id, [])
    assert [claim.run_id for claim in await place.work.claim(worker.id, 1)] == [run.id]


async def test_a_worker_that_never_joined_is_given_nothing(place: Place) -> None:
    with pytest.raises(InvalidWork, match="no worker with the id 'nobody'"):
        await place.work.claim("nobody", 1)


async def test_workers_are_forgotten_a_day_after_they_were_last_seen(place: Place) -> None:
    early = await place.worker("early")
    await place.work.leave(early.id)
    await place.clock.advance(86_000)
    await place.worker("late")
    assert [worker.name for worker in await place.work.workers()] == ["late", "early"]
    await place.clock.advance(1000)
    assert [worker.name for worker in await place.work.workers()] == ["late"]


# --- limits ---


async def test_slots_of_a_limit_are_taken_held_and_freed(place: Place) -> None:
    await place.work.save_limit(Limit(name="db", slots=2))
    lease = await place.work.acquire(["db"], 2, "run-1")

    assert lease is not None
    assert [one.holder for one in await place.work.leases("db")] == ["run-1"]
    assert await place.work.acquire(["db"], 1, "run-2") is None
    await place.clock.advance(20)
    assert await place.work.renew(lease.id)
    await place.clock.advance(20)
    assert await place.work.acquire(["db"], 1, "run-2") is None
    await place.work.release(lease.id)
    assert await place.work.leases() == []
    assert await place.work.acquire(["db"], 2, "run-2") is not None


async def test_slots_that_nobody_renews_are_free_again(place: Place) -> None:
    await place.work.save_limit(Limit(name="db", slots=1))
    lost = await place.work.acquire(["db"], 1, "run-1")

    assert lost is not None
    taken = await place.meanwhile(place.work.acquire(["db"], 1, "run-2", wait=60), lambda: place.clock.advance(30))
    assert taken is not None
    assert not await place.work.renew(lost.id)


async def test_who_waits_for_slots_has_them_as_soon_as_they_are_free(place: Place) -> None:
    await place.work.save_limit(Limit(name="db", slots=1))
    held = await place.work.acquire(["db"], 1, "run-1")
    assert held is not None

    taken = await place.meanwhile(place.work.acquire(["db"], 1, "run-2", wait=20), lambda: place.work.release(held.id))
    assert taken is not None
    nothing = await place.meanwhile(place.work.acquire(["db"], 1, "run-3", wait=5), lambda: place.clock.advance(5))
    assert nothing is None


async def test_a_limit_that_is_deleted_holds_up_nobody(place: Place) -> None:
    await place.work.save_limit(Limit(name="db", slots=1))
    held = await place.work.acquire(["db"], 1, "run-1")
    assert held is not None

    free = await place.meanwhile(place.work.acquire(["db"], 1, "run-2", wait=20), lambda: place.work.delete_limit("db"))
    assert free is not None
    assert await place.work.limits() == []
    assert await place.work.leases() == []
    with pytest.raises(UnknownLimit, match="'db'"):
        await place.work.delete_limit("db")


async def test_slots_of_all_limits_are_taken_or_of_none(place: Place) -> None:
    for name in ("a", "b"):
        await place.work.save_limit(Limit(name=name, slots=1))
    await place.work.acquire(["b"], 1, "run-1")

    assert await place.work.acquire(["a", "b"], 1, "run-2") is None
    assert await place.work.acquire(["a"], 1, "run-3") is not None


async def test_names_without_a_limit_bind_nothing_unless_that_is_an_error(place: Place) -> None:
    await place.work.save_limit(Limit(name="off", slots=1, active=False))

    lease = await place.work.acquire(["none", "off"], 5, "run-1")
    assert lease is not None
    assert lease.limits == ()
    assert await place.work.renew(lease.id)
    await place.work.release(lease.id)
    with pytest.raises(UnknownLimit, match="'none'"):
        await place.work.acquire(["none"], 1, "run-1", strict=True)
    await place.work.save_limit(Limit(name="on", slots=2))
    with pytest.raises(InvalidWork, match="it has 2 in all"):
        await place.work.acquire(["on"], 3, "run-1")
    with pytest.raises(InvalidWork):
        await place.work.save_limit(Limit(name="bad", slots=-1))


async def test_a_rate_limit_gives_its_slots_back_by_time_alone(place: Place) -> None:
    await place.work.save_limit(Limit(name="api", slots=2, refill=0.5))

    assert await place.work.acquire(["api"], 2, "run-1") is not None
    assert await place.work.leases("api") == []
    assert await place.work.acquire(["api"], 1, "run-1") is None
    taken = await place.meanwhile(place.work.acquire(["api"], 1, "run-2", wait=20), lambda: place.clock.advance(2))
    assert taken is not None
    assert await place.work.acquire(["api"], 1, "run-2") is None
