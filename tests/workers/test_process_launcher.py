"""Runs in processes: each ends with a recorded end or a sentence that says why not, and leaves nothing behind."""

import os
import signal
from pathlib import Path

import anyio
import pytest

from segue.records.work import Claim
from segue.services.leases import is_alive
from segue.settings import load_settings
from segue.workers.launcher import Ending, LaunchFailed
from segue.workers.output import MARK
from segue.workers.process_launcher import GuardedRun, process_launcher

from .conftest import Claimed, events, lines, result, states, until, written


async def launched(claim: Claim, output: bytearray | None = None) -> GuardedRun:
    """Start a run."""
    taken = bytearray() if output is None else output
    return await process_launcher(load_settings().settings).launch(claim, taken.extend)


async def ended(claim: Claim, output: bytearray | None = None) -> Ending:
    """Start a run and wait for its end."""
    with anyio.fail_after(60):
        return await (await launched(claim, output)).ended()


async def test_a_run_is_recorded_as_the_one_that_was_claimed(claimed: Claimed) -> None:
    """It has the claim's id, comes to its end, and what it returned is there."""
    claim = claimed("add", {"a": 5})

    assert (await ended(claim)).recorded
    assert await states(claim.run_id) == ["pending", "running", "completed"]
    assert await result(claim.run_id) == 12


async def test_a_coroutine_is_run_too(claimed: Claimed) -> None:
    """A loop is made for it."""
    claim = claimed("later")

    await ended(claim)

    assert await result(claim.run_id) == 5


async def test_a_run_is_where_its_deployment_says(claimed: Claimed, project: Path) -> None:
    """Folder, names, and what runtime tells."""
    claim = claimed("where")

    await ended(claim)

    assert await result(claim.run_id) == [str(project), "brave-otter", "here"]


async def test_output_is_handed_on_and_logged_lines_are_marked(claimed: Claimed) -> None:
    """What programs write comes as it is; what is in the journal already can be told from it."""
    claim, output = claimed("talk"), bytearray()

    await ended(claim, output)

    shown = output.decode().rstrip("\n").split("\n")
    assert [line for line in shown if line[0] != MARK] == ["printed by the flow", "from a program", "to stderr"]
    assert "logged by the flow" in await lines(claim.run_id)
    assert any("logged by the flow" in line for line in shown if line[0] == MARK)


async def test_the_environment_is_what_is_on_the_list(claimed: Claimed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else of the worker's reaches a run; its own variables do."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    claim = claimed("environ", job_variables={"env": {"GREETING": "hello"}})

    await ended(claim)

    seen = await result(claim.run_id)
    assert (seen["GREETING"], seen["SEGUE_HOME"]) == ("hello", os.environ["SEGUE_HOME"])
    assert "AWS_SECRET_ACCESS_KEY" not in seen


async def test_no_secret_is_in_the_command_lines(claimed: Claimed) -> None:
    """Parameters and variables go another way."""
    claim = claimed("argv", job_variables={"env": {"TOKEN": "t0ken"}})

    await ended(claim)

    assert not any("t0ken" in text or claim.run_id in text for text in await result(claim.run_id))


async def test_a_run_that_fails_is_recorded(claimed: Claimed) -> None:
    """By itself: the process's end is none of a crash."""
    claim = claimed("wrong")

    assert (await ended(claim)).recorded
    assert (await states(claim.run_id))[-1] == "failed"


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("import nowhere", "failed", "No module named 'nowhere'"),
        ("from segue import flow", "failed", "There is no flow 'add'"),
        ("from segue import flow\n@flow\ndef add(x): ...", "failed", "ParameterBindError"),
    ],
)
async def test_code_that_cannot_be_called_fails_the_run(
    claimed: Claimed, project: Path, source: str, kind: str, said: str
) -> None:
    """The state says why, in the script's own frames."""
    (project / "flows.py").write_text(source)
    claim = claimed("add")

    assert (await ended(claim)).recorded
    last = (await events(claim.run_id))[-1]
    assert (last.kind, said in last.payload["message"]) == (f"flow-run.{kind}", True)


async def test_code_that_is_not_there_crashes_the_run(claimed: Claimed) -> None:
    """The state names the folder."""
    claim = claimed("add", job_variables={"working_dir": "/nowhere/at/all"})

    assert (await ended(claim)).recorded
    last = (await events(claim.run_id))[-1]
    assert last.kind == "flow-run.crashed"
    assert "/nowhere/at/all" in last.payload["message"]


@pytest.mark.parametrize(
    ("flow", "parameters", "said"),
    [
        ("leave", {"code": 9}, "ended with exit status 9"),
        ("leave", {"code": 0}, "ended itself, with exit status 0, before the run had ended"),
        ("die", {"number": signal.SIGKILL}, "signal 9 (SIGKILL): somebody killed it, or the system did for want of"),
        ("die", {"number": signal.SIGSEGV}, "signal 11 (SIGSEGV): a library in C"),
    ],
)
async def test_a_process_that_dies_says_how(
    claimed: Claimed, flow: str, parameters: dict[str, object], said: str
) -> None:
    """The run has not recorded its end; the sentence tells what ended it, and how much memory it used."""
    end = await ended(claimed(flow, parameters))

    assert not end.recorded
    assert said in end.sentence
    assert "MiB" in end.sentence


async def test_what_a_run_leaves_behind_is_killed(claimed: Claimed, tmp_path: Path) -> None:
    """Children in sessions of their own, and daemons, end with the process."""
    run = await launched(claimed("family", {"file": str(tmp_path / "pid")}))
    pid = int(await written(tmp_path / "pid"))
    family = descendants(run.guardian)

    run.kill()
    end = await run.ended()

    assert pid in family
    assert len(family) >= 3
    assert "its worker ended it" in end.sentence
    assert [one for one in (*family, run.guardian) if is_alive(one)] == []


async def test_a_run_is_terminated_politely(claimed: Claimed, tmp_path: Path) -> None:
    """It records itself that it was."""
    claim = claimed("wait", {"file": str(tmp_path / "pid")})
    run = await launched(claim)
    await written(tmp_path / "pid")

    run.terminate()
    await run.ended()

    assert (await states(claim.run_id))[-1] == "crashed"


async def test_a_run_ends_with_its_guardian(claimed: Claimed, tmp_path: Path) -> None:
    """Somebody kills the guardian: the run does not go on unguarded, and the worker hears of it."""
    run = await launched(claimed("wait", {"file": str(tmp_path / "pid")}))
    pid = int(await written(tmp_path / "pid"))

    os.kill(run.guardian, signal.SIGKILL)
    with anyio.fail_after(60):
        end = await run.ended()
    await until(lambda: not is_alive(pid))

    assert "with its guardian" in end.sentence


async def test_job_variables_that_cannot_be_are_refused(claimed: Claimed) -> None:
    """With the name of the variable."""
    with pytest.raises(LaunchFailed, match="env must map names to texts"):
        await launched(claimed("add", job_variables={"env": {"A": 1}}))
    with pytest.raises(LaunchFailed, match="python is 3"):
        await launched(claimed("add", job_variables={"python": 3}))


def descendants(pid: int) -> list[int]:
    """All processes that a process has started, and so on."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
    found = [child for child, parent in parents.items() if parent == pid]
    return found + [one for child in found for one in descendants(child)]
