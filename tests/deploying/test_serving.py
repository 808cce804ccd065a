"""Flows that deploy and serve themselves, and have deployments run, from code."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest

from segue import Flow, flow
from segue.deploying.declared import to_deployment
from segue.deploying.running import arun_deployment, run_deployment
from segue.deploying.serving import adeploy, aserve, deploy, serve
from segue.deploying.sourcing import flow_from_source
from segue.exceptions import BlockingInLoopError, InvalidRun, InvalidWork, UnknownDeployment, UnknownPool
from segue.host import close_hosts
from segue.records.work import Deployment, Schedule, WorkPool
from segue.settings import load_settings, settings_context
from segue.work.session import open_work

SCRIPT = '''
from segue import flow, serve

@flow
def hello(name: str = "you"):
    """Greet."""
    print("hello", name)
    return name

@flow
def other(): return 1

if __name__ == "__main__":
    serve(hello.to_deployment("here", interval=3600, tags=["a"]), other.to_deployment("there"), limit=2)
'''


@flow
def add(a: int, b: int = 2) -> int:
    """Add numbers."""
    return a + b


@pytest.fixture(autouse=True)
def _this_home(segue_home: Path) -> Iterator[None]:
    with settings_context(load_settings()):
        yield
    close_hosts()


async def saved(*deployments: Deployment, pool: str = "pool") -> list[Deployment]:
    """Save deployments for a pool, and return what is saved."""
    settings = load_settings().settings
    async with open_work(settings) as work:
        await work.save_pool(WorkPool(name=pool))
    await adeploy(*deployments, work_pool_name=pool, print_next_steps_message=False)
    async with open_work(settings) as work:
        return await work.deployments()


def test_a_flow_declares_its_deployment() -> None:
    """With its place, its parameters' schema, and what is said of it."""
    made = add.to_deployment("daily", interval=timedelta(hours=1), parameters={"a": 1}, tags=["x"])

    file = Path(__file__)
    assert (Path(made.path) / made.entrypoint.partition(":")[0]) == file
    assert made.entrypoint.endswith(":add")
    assert (made.full_name, made.description, made.parameters, made.tags) == (
        "add/daily",
        "Add numbers.",
        {"a": 1},
        ("x",),
    )
    assert [(one.id, one.interval) for one in made.schedules] == [("interval", 3600.0)]
    assert list(made.parameter_schema["properties"]) == ["a", "b"]


def test_schedules_may_be_given_as_they_are() -> None:
    """One, or several."""
    one, two = Schedule(id="one", interval=5), Schedule(id="two", cron="0 * * * *")

    assert to_deployment(add, "x", schedule=one).schedules == (one,)
    assert to_deployment(add, "x", schedules=[one, two]).schedules == (one, two)


def test_several_kinds_of_schedules_are_refused() -> None:
    """By their names."""
    with pytest.raises(InvalidWork, match="interval and cron"):
        to_deployment(add, "x", interval=5, cron="* * * * *")


def test_parameters_that_the_flow_has_not_are_refused() -> None:
    """When the deployment is declared, not when it runs."""
    with pytest.raises(InvalidRun, match="no parameter 'c'"):
        to_deployment(add, "x", parameters={"c": 1})


def test_a_flow_that_no_other_process_finds_is_refused() -> None:
    """One that is made inside of a function."""

    @flow
    def local() -> None: ...

    with pytest.raises(InvalidWork, match="inside of a function"):
        local.to_deployment("x")


async def test_deployments_are_saved_for_a_pool() -> None:
    """Under ids of their own; again, under the same."""
    (first,) = await saved(add.to_deployment("daily"))
    (again,) = await saved(add.to_deployment("daily", tags=["new"]))

    assert (again.id, again.tags, again.pool) == (first.id, ("new",), "pool")


async def test_a_deployment_needs_a_pool_that_is_there() -> None:
    """Or to be served."""
    with pytest.raises(InvalidWork, match="work_pool_name"):
        await adeploy(add.to_deployment("daily"))
    with pytest.raises(UnknownPool):
        await adeploy(add.to_deployment("daily"), work_pool_name="nowhere")


async def test_what_blocks_is_refused_inside_of_a_loop() -> None:
    """With what to write instead."""
    with pytest.raises(BlockingInLoopError, match="await aserve"):
        serve(add.to_deployment("daily"))
    with pytest.raises(BlockingInLoopError, match="await adeploy"):
        deploy(add.to_deployment("daily"))
    with pytest.raises(BlockingInLoopError, match="await arun_deployment"):
        run_deployment("add/daily")


async def test_only_what_has_no_pool_is_served() -> None:
    """And something must be."""
    with pytest.raises(InvalidWork, match="nothing to serve"):
        await aserve()
    with pytest.raises(InvalidWork, match="work pool 'p'"):
        await aserve(add.to_deployment("daily", work_pool_name="p"))


async def test_a_run_is_asked_for_without_waiting() -> None:
    """It waits for a worker; the same key is the same run."""
    await saved(add.to_deployment("daily"))

    run = await arun_deployment("add/daily", parameters={"a": 1}, timeout=0, idempotency_key="k")
    same = await arun_deployment("add/daily", parameters={"a": 1}, timeout=0, idempotency_key="k")

    assert (run.id, run.state.name, run.parameters["a"]) == (same.id, "Scheduled", 1)


async def test_a_run_of_a_deployment_that_is_not_there_is_refused() -> None:
    """By its name."""
    await saved(add.to_deployment("daily"))

    with pytest.raises(UnknownDeployment, match="add/nightly"):
        await arun_deployment("add/nightly")


async def test_a_flow_comes_from_a_folder(tmp_path: Path) -> None:
    """And is deployed from there."""
    await anyio.Path(tmp_path / "flows.py").write_text("from segue import flow\n@flow\ndef far(): return 7\n")

    found: Flow[[], int] = flow_from_source(tmp_path, "flows.py:far")

    assert found() == 7
    made = found.to_deployment("x")
    assert (made.path, made.entrypoint) == (str(tmp_path), "flows.py:far")


def test_a_script_serves_its_flows(tmp_path: Path) -> None:
    """Its runs go in processes of their own; when it is interrupted, the schedules rest."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    server = subprocess.Popen(
        [sys.executable, str(script)], stderr=subprocess.PIPE, text=True, cwd=tmp_path, env=dict(os.environ)
    )
    try:
        assert server.stderr is not None
        while "takes runs" not in (line := server.stderr.readline()):
            assert line
        run = run_deployment("hello/here", parameters={"name": "Ada"}, timeout=60)
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)

    assert run.state.is_completed(), run.state
    assert anyio.run(_paused) == {"hello/here": True, "other/there": False}


async def _paused() -> dict[str, bool]:
    async with open_work(load_settings().settings) as work:
        return {one.full_name: one.paused for one in await work.deployments()}
