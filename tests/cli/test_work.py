"""segue deployment, work-pool, work-queue, the limits: what there is to be run, where, and how much at a time."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from segue.records.work import Deployment, RunRequest, Schedule, WorkPool
from segue.settings import load_settings
from segue.work.protocol import Work
from segue.work.session import open_work

from .conftest import Command, Done


def parsed(done: Done) -> Any:
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def with_work(act: Callable[[Work], Awaitable[Any]]) -> Any:
    """Do something with the work of the database that the commands use."""

    async def done() -> Any:
        async with open_work(load_settings().settings) as work:
            return await act(work)

    return asyncio.run(done())


@pytest.fixture
def daily(home: Any) -> Deployment:
    """A deployment 'daily run' of the flow 'main-flow', in the pool 'my-pool'."""

    async def save(work: Work) -> Deployment:
        await work.save_pool(WorkPool(name="my-pool"))
        schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
        return await work.save_deployment(
            Deployment(
                id="", name="daily run", flow_name="main-flow", entrypoint="flow.py:main_flow", pool="my-pool",
                parameters={"n": 1}, parameter_schema=schema, schedules=(Schedule(id="s", interval=120.0),),
            )
        )  # fmt: skip

    return with_work(save)


@pytest.mark.parametrize("name", ["main-flow/daily run", "Main_Flow/daily-run", "daily_run"])
def test_a_deployment_is_run_by_any_name_a_person_would_write(segue: Command, daily: Deployment, name: str) -> None:
    done = segue("deployment", "run", name, "-p", "n=2", "--params", '{"n": 5}', "--name", "first", "--tag", "x")

    run = parsed(segue("flow-run", "inspect", "first", "-o", "json"))
    assert done.code == 0
    assert "of deployment 'main-flow/daily run' is asked for." in done.out
    assert (run["parameters"], run["tags"], run["state"]["name"]) == ({"n": 2}, ["x"], "Scheduled")


def test_it_is_told_why_the_run_does_not_begin_until_it_is_cancelled(segue: Command, daily: Deployment) -> None:
    told = segue("deployment", "run", "daily run", "--name", "first").out.splitlines()[-1]
    waiting = parsed(segue("flow-run", "inspect", "first", "-o", "json"))["waiting_for"]
    cancelled = segue("flow-run", "cancel", "first", "--reason", "not today")
    ended = parsed(segue("flow-run", "inspect", "first", "-o", "json"))

    assert told == waiting
    assert "worker" in waiting
    assert (cancelled.code, ended["state"]["name"], ended["waiting_for"]) == (0, "Cancelled", None)
    assert cancelled.out.startswith("Cancelled flow run 'first'")
    assert "not today" in ended["states"][-1]["reason"]


def test_a_run_that_has_ended_is_retried_as_the_same_run(segue: Command, daily: Deployment) -> None:
    segue("deployment", "run", "daily run", "--name", "first")
    early = segue("flow-run", "retry", "first")
    segue("flow-run", "cancel", "first")

    assert (early.code, "has not ended" in early.err) == (1, True)
    assert segue("flow-run", "retry", "first").code == 0
    assert parsed(segue("flow-run", "inspect", "first", "-o", "json"))["state"]["name"] == "AwaitingRetry"


def test_a_run_can_be_put_off(segue: Command, daily: Deployment) -> None:
    segue("deployment", "run", "daily run", "--start-in", "in 2 h", "--name", "later")
    segue("deployment", "run", "daily run", "--start-at", "2200-01-01T00:00+00:00", "--name", "latest")

    assert "due" in parsed(segue("flow-run", "inspect", "later", "-o", "json"))["waiting_for"]
    assert "2200-01-01" in parsed(segue("flow-run", "inspect", "latest", "-o", "json"))["waiting_for"]


def test_watching_a_run_gives_up_in_time(segue: Command, daily: Deployment) -> None:
    done = segue("deployment", "run", "daily run", "--watch", "--watch-timeout", "0.01")

    assert done.code == 124


def test_runs_are_listed_by_deployment(segue: Command, daily: Deployment) -> None:
    async def other(work: Work) -> None:
        saved = await work.save_deployment(
            Deployment(id="", name="other", flow_name="main-flow", entrypoint="flow.py:main_flow", pool="my-pool")
        )
        await work.create_run(RunRequest(deployment_id=saved.id, name="theirs"))

    with_work(other)
    segue("deployment", "run", "daily run", "--name", "ours")

    names = [run["name"] for run in parsed(segue("flow-run", "ls", "--deployment", "daily run", "-o", "json"))]
    assert names == ["ours"]


def test_deployments_are_listed_inspected_paused_and_deleted(segue: Command, daily: Deployment) -> None:
    listed = segue("deployment", "ls").out.splitlines()
    segue("deployment", "pause", "daily run")
    paused = parsed(segue("deployment", "inspect", "daily run", "-o", "json"))
    segue("deployment", "resume", "daily run")
    text = segue("deployment", "inspect", "daily run").out
    segue("deployment", "delete", "daily run")

    assert listed[0].split() == ["NAME", "ID", "POOL", "SCHEDULES", "STATE"]
    assert listed[1].split() == ["main-flow/daily", "run", daily.id, "my-pool", "every", "2", "min", "ready"]
    assert (paused["paused"], paused["parameters"], paused["schedules"][0]["interval"]) == (True, {"n": 1}, 120.0)
    assert "ready" in text
    assert parsed(segue("deployment", "ls", "-o", "json")) == []


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("deployment run weekly", 1, "There is no deployment 'weekly'."),
        ("deployment run daily-run -p n=text", 1, "n"),
        ("deployment run daily-run --start-in 2h --start-at 2200-01-01", 2, "exclude one another"),
        ("deployment run daily-run --start-at tomorrow", 2, "'tomorrow' is no instant"),
        ("deployment run daily-run -jv memory", 2, "--job-variable 'memory' is not of the form key=value"),
        ("deployment inspect weekly", 1, "There is no deployment 'weekly'."),
        ("deployment delete", 2, "Say which deployment to delete"),
        ("work-pool inspect other", 1, "There is no work pool 'other'."),
        ("work-pool create my-pool", 1, "There is a work pool 'my-pool' already"),
        ("work-pool delete my-pool", 1, "is used by 1 deployments"),
        ("work-pool update my-pool", 2, "Say what to change"),
        ("work-pool set-concurrency-limit my-pool 0", 2, ">= 1"),
        ("work-queue pause fast", 1, "Work pool 'my-pool' has no queue 'fast'."),
        ("work-queue create default", 1, "has a queue 'default' already"),
        ("work-queue delete default", 1, "has no queue; keep one"),
        ("global-concurrency-limit inspect db", 1, "There is no limit 'db'."),
        ("global-concurrency-limit update db", 2, "Say what to change"),
        ("concurrency-limit inspect db", 1, "The tag 'db' has no limit."),
        ("flow-run retry nobody", 3, "There is no run 'nobody'."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    segue: Command, daily: Deployment, command: str, code: int, sentence: str
) -> None:
    done = segue(*command.split())

    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert done.err.startswith("Error: ")


def test_a_pool_is_created_changed_paused_and_deleted(segue: Command) -> None:
    segue("work-pool", "create", "gpu", "--type", "docker", "--concurrency-limit", "4")
    segue("work-pool", "update", "gpu", "--description", "the big ones")
    segue("work-pool", "pause", "gpu")
    segue("work-pool", "set-concurrency-limit", "gpu", "2")
    changed = parsed(segue("work-pool", "inspect", "gpu", "-o", "json"))
    segue("work-pool", "clear-concurrency-limit", "gpu")
    segue("work-pool", "resume", "gpu")
    cleared = parsed(segue("work-pool", "ls", "-o", "json"))[0]

    assert [changed[name] for name in ("type", "limit", "paused", "description")] == ["docker", 2, True, "the big ones"]
    assert [cleared[name] for name in ("limit", "paused", "workers")] == [None, False, 0]
    assert segue("work-pool", "ls", "--verbose").out.splitlines()[1].split() == [
        "gpu", "docker", "ready", "0", "the", "big", "ones"
    ]  # fmt: skip
    assert segue("work-pool", "delete", "gpu").code == 0
    assert parsed(segue("work-pool", "ls", "-o", "json")) == []


def test_a_queue_is_created_changed_paused_and_deleted(segue: Command, daily: Deployment) -> None:
    segue("work-queue", "create", "slow", "--limit", "3")
    segue("work-queue", "create", "fast", "--pool", "my-pool", "--priority", "0")
    segue("work-queue", "pause", "fast")
    segue("work-queue", "set-concurrency-limit", "fast", "1")
    listed = segue("work-queue", "ls").out.splitlines()
    segue("work-queue", "resume", "fast")
    segue("work-queue", "clear-concurrency-limit", "fast")
    fast = parsed(segue("work-queue", "inspect", "fast", "-o", "json"))

    assert [line.split() for line in listed[1:]] == [
        ["fast", "my-pool", "0", "1", "paused"],
        ["default", "my-pool", "1", "ready"],
        ["slow", "my-pool", "2", "3", "ready"],
    ]
    assert (fast["pool"], fast["paused"], fast["limit"]) == ("my-pool", False, None)
    assert segue("work-queue", "delete", "fast").code == 0
    assert len(parsed(segue("work-queue", "ls", "-o", "json"))) == 2


def test_a_limit_is_created_changed_and_deleted(segue: Command) -> None:
    segue("global-concurrency-limit", "create", "db", "--limit", "5", "--slot-decay-per-second", "0.5")
    segue("global-concurrency-limit", "update", "db", "--limit", "6", "--slot-decay-per-second", "0")
    segue("global-concurrency-limit", "disable", "db")
    disabled = parsed(segue("global-concurrency-limit", "inspect", "db", "-o", "json"))
    segue("global-concurrency-limit", "enable", "db")
    lease = with_work(lambda work: work.acquire(["db"], 2, "somebody"))
    held = parsed(segue("global-concurrency-limit", "ls", "-o", "json"))[0]

    assert [disabled[name] for name in ("slots", "refill", "active", "held")] == [6, None, False, 0]
    assert (held["active"], held["held"], held["leases"][0]["id"]) == (True, 2, lease.id)
    assert "somebody: 2, taken just now" in segue("global-concurrency-limit", "inspect", "db").out
    assert segue("global-concurrency-limit", "create", "db", "--limit", "1").code == 1
    assert segue("global-concurrency-limit", "delete", "db").code == 0
    assert parsed(segue("global-concurrency-limit", "ls", "-o", "json")) == []


def test_a_tag_has_a_limit_of_its_own_whose_slots_can_be_freed(segue: Command) -> None:
    segue("concurrency-limit", "create", "heavy", "2")
    with_work(lambda work: work.acquire(["heavy"], 2, "somebody"))
    full = parsed(segue("concurrency-limit", "ls", "-o", "json"))[0]
    segue("concurrency-limit", "reset", "heavy")
    free = parsed(segue("concurrency-limit", "inspect", "heavy", "-o", "json"))

    assert (full["slots"], full["tag"], full["held"], free["held"]) == (2, True, 2, 0)
    assert parsed(segue("global-concurrency-limit", "ls", "-o", "json")) == []
    assert segue("concurrency-limit", "delete", "heavy").code == 0
    assert segue("concurrency-limit", "ls").out.startswith("No tag has a limit")
