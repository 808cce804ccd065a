"""Runs forked from a process that has loaded their flow: as if each had been started by itself."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from segue.records.work import Claim
from segue.settings import load_settings, profiles_path
from segue.workers.launcher import Ending
from segue.workers.output import MARK
from segue.workers.process_launcher import ProcessLauncher, process_launcher
from segue_events import new_id

from .conftest import Claimed, result, states

COUNTING = """
import os, random
from segue import flow

LOADED_BY = os.getpid()

@flow
def tell(): return [LOADED_BY, os.getpid(), random.random()]

@flow
async def later(): return LOADED_BY
"""

WARM = {"warm": True}

Write = Callable[[str], object]


@pytest.fixture
def launcher() -> ProcessLauncher:
    """A launcher for this test's home."""
    return process_launcher(load_settings().settings)


@pytest.fixture
def counting(project: Path) -> Write:
    """The project's script tells which process has loaded it; return what writes it anew."""
    (project / "flows.py").write_text(COUNTING)
    return (project / "flows.py").write_text


async def run(launcher: ProcessLauncher, claim: Claim, output: bytearray | None = None) -> Ending:
    """Start a run, and wait for its end."""
    with anyio.fail_after(60):
        launched = await launcher.launch(claim, (bytearray() if output is None else output).extend)
        return await launched.ended()


async def warmed(launcher: ProcessLauncher, claim: Claim) -> None:
    """Run once, and wait until there is something to fork from, or it is known that there cannot be."""
    await run(launcher, claim)
    with anyio.fail_after(60):
        await launcher.prepared()


async def test_further_runs_are_forked(launcher: ProcessLauncher, claimed: Claimed, counting: Write) -> None:
    """Each in a process of its own, with random numbers of its own, and a journal that holds it."""
    claim = claimed("tell", job_variables=WARM)
    others = [replace(claim, run_id=new_id()) for _ in range(2)]

    await warmed(launcher, claim)
    for one in others:
        assert (await run(launcher, one)).recorded
    await launcher.close()

    told = [await result(one.run_id) for one in others]
    assert told[0][0] == told[1][0]
    assert len({pid for loaded, pid, _ in told} | {told[0][0]}) == 3
    assert told[0][2] != told[1][2]
    assert await states(others[0].run_id) == ["pending", "running", "completed"]


async def test_code_that_has_changed_is_loaded_anew(
    launcher: ProcessLauncher, claimed: Claimed, counting: Write
) -> None:
    """The run after the change is what the code says now."""
    claim = claimed("later", job_variables=WARM)
    await warmed(launcher, claim)
    counting("from segue import flow\n@flow\ndef later(): return 'changed'\n")

    await run(launcher, again := replace(claim, run_id=new_id()))
    await launcher.close()

    assert await result(again.run_id) == "changed"


async def test_a_forked_run_that_dies_says_how(launcher: ProcessLauncher, claimed: Claimed) -> None:
    """Its guardian is one as any other's."""
    claim = claimed("leave", {"code": 3}, job_variables=WARM)
    await warmed(launcher, claim)

    end = await run(launcher, replace(claim, run_id=new_id(), parameters={"code": 5}))
    await launcher.close()

    assert (end.recorded, "exit status 5" in end.sentence) == (False, True)


async def test_what_a_forked_run_prints_is_handed_on(launcher: ProcessLauncher, claimed: Claimed) -> None:
    """And marked, where the journal has it already."""
    claim, output = claimed("talk", job_variables=WARM), bytearray()
    await warmed(launcher, claim)

    await run(launcher, replace(claim, run_id=new_id()), output)
    await launcher.close()

    shown = output.decode().rstrip("\n").split("\n")
    assert [line for line in shown if line[0] != MARK] == ["printed by the flow", "from a program", "to stderr"]


@pytest.mark.parametrize(
    "source",
    [
        "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
        "import socket\nheld = socket.socket()",
    ],
)
async def test_what_cannot_be_forked_is_started_cold(
    launcher: ProcessLauncher, claimed: Claimed, counting: Write, source: str
) -> None:
    """Threads would be missing in the fork, and sockets shared."""
    counting(f"{source}\n{COUNTING}")
    claim = claimed("tell", job_variables=WARM)
    await warmed(launcher, claim)

    await run(launcher, again := replace(claim, run_id=new_id()))
    await launcher.close()

    loaded, ran, _ = await result(again.run_id)
    assert loaded == ran


LATE = """
import os
from segue import flow

@flow
def told(): return [os.getppid(), os.environ.get("TOLD"), os.getcwd()]
"""


async def test_a_first_run_is_forked_from_what_has_loaded_the_engine(
    launcher: ProcessLauncher, claimed: Claimed, counting: Write, project: Path
) -> None:
    """It loads its flow by itself: from the folder of its deployment, as it is now."""
    launcher.make_ready()
    await launcher.prepared()
    counting(LATE)
    claim = claimed("told", job_variables=WARM)

    with anyio.fail_after(60):
        launched = await launcher.launch(claim, bytearray().extend)
        ending = await launched.ended()
    await launcher.close()

    assert (ending.recorded, launched.forked) == (True, True)
    assert await result(claim.run_id) == [launched.guardian, None, str(project)]
    assert await states(claim.run_id) == ["pending", "running", "completed"]


async def test_a_first_run_with_an_environment_of_its_own_is_started_cold(
    launcher: ProcessLauncher, claimed: Claimed, counting: Write
) -> None:
    """What has loaded the engine has another one."""
    launcher.make_ready()
    await launcher.prepared()
    counting(LATE)
    claim = claimed("told", job_variables={"warm": True, "env": {"TOLD": "yes"}})

    with anyio.fail_after(60):
        launched = await launcher.launch(claim, bytearray().extend)
        await launched.ended()
    await launcher.close()

    assert not launched.forked
    assert (await result(claim.run_id))[1] == "yes"


async def test_the_engine_is_loaded_anew_with_settings_that_have_changed(
    launcher: ProcessLauncher, claimed: Claimed, counting: Write
) -> None:
    """The next run is started cold; the one after is forked from what knows them."""
    launcher.make_ready()
    await launcher.prepared()
    (profiles := profiles_path(load_settings().settings)).parent.mkdir(exist_ok=True)
    profiles.write_text('active = "here"\n\n[profiles.here]\n')

    forked: list[bool] = []
    for flow in ("tell", "later"):
        launched = await launcher.launch(claimed(flow, job_variables=WARM), bytearray().extend)
        await launched.ended()
        await launcher.prepared()
        forked.append(launched.forked)
    await launcher.close()

    assert forked == [False, True]
