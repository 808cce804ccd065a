"""The commands about workers, as people call them."""

import subprocess
import sys

from segue.cli.main import main

FLOW = "from segue import flow\n\n@flow\ndef hello(name='you'):\n    print('hello', name)\n"


def segue(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "segue", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_worker_runs_what_is_due_and_ends(tmp_path, monkeypatch) -> None:
    """From the file to the run, by commands alone."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows.py").write_text(FLOW)
    assert segue("work-pool", "create", "here").returncode == 0
    assert segue("deploy", "flows.py:hello", "-n", "it", "-p", "here").returncode == 0
    assert segue("deployment", "run", "hello/it").returncode == 0

    worked = segue("worker", "start", "--pool", "here", "--run-once", "--name", "once")

    assert worked.returncode == 0, worked.stderr
    assert "hello you" in worked.stderr
    assert "Completed" in segue("flow-run", "ls").stdout
    assert "once" in segue("worker", "ls").stdout
    assert "ended" in segue("worker", "inspect", "once").stdout


def test_a_worker_of_an_unknown_type_is_refused(capsys) -> None:
    """With the types that there are."""
    assert main(["worker", "start", "--pool", "here", "--type", "proces"]) == 1
    assert "'proces'. Did you mean 'process'?" in capsys.readouterr().err


def test_a_worker_that_is_not_there_is_not_found(capsys) -> None:
    """And who lists them is named."""
    assert main(["worker", "inspect", "nobody"]) == 1
    assert "no worker 'nobody'" in capsys.readouterr().err


def test_no_workers_are_said_to_be_none(capsys) -> None:
    """With what starts one."""
    assert main(["worker", "ls"]) == 0
    assert "segue worker start" in capsys.readouterr().out
