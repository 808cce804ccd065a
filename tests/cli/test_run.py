"""segue run: a flow of a script, from the command line to its exit code."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command

SCRIPT = """\
import asyncio, os, sys
from segue import flow, task

@task
async def double(n):
    return 2 * n

@flow
async def doubles(n: int = 3):
    return sum(await asyncio.gather(*[double(i) for i in range(n)]))

@flow
def greet(who: str):
    return f"hello {who}"

@flow
def fails():
    raise ValueError("bad \\x1b[31mmonth")

@flow
def yields():
    yield 1
    raise OSError("no more")

@flow
async def yields_async():
    yield 1

@flow
def exits():
    sys.exit(3)

@flow
def interrupted():
    raise KeyboardInterrupt

@flow
async def waits():
    print("waiting", flush=True)
    await asyncio.sleep(60)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script with some flows."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"script_{os.urandom(4).hex()}.py"
    path.write_text(SCRIPT)
    return path


def test_a_flow_runs_is_recorded_and_told(segue: Command, script: Path) -> None:
    done = segue("run", f"{script}:doubles", "-p", "n=4")
    runs = json.loads(segue("flow-run", "ls", "-o", "json").out)

    assert done.code == 0
    assert done.out.startswith(f"Flow run '{runs[0]['name']}' of 'doubles' completed after ")
    assert f"segue flow-run inspect {runs[0]['id']}" in done.out
    assert "double: 4 of 4 ended" in done.err
    assert (runs[0]["parameters"], runs[0]["state"]["type"]) == ({"n": 4}, "COMPLETED")


def test_parameters_may_come_as_one_object(segue: Command, script: Path) -> None:
    assert segue("run", f"{script}:greet", "--params", '{"who": "Ada"}').code == 0
    assert json.loads(segue("flow-run", "ls", "-o", "json").out)[0]["parameters"] == {"who": "Ada"}


def test_without_watching_only_the_end_is_told(segue: Command, script: Path) -> None:
    done = segue("run", f"{script}:doubles", "--no-watch")

    assert done.code == 0
    assert "ended" not in done.err


@pytest.mark.parametrize(
    ("flow", "code", "told"),
    [
        ("fails", 1, "of 'fails' failed after"),
        ("yields", 1, "of 'yields' failed after"),
        ("yields_async", 0, "of 'yields-async' completed"),
        ("interrupted", 130, "of 'interrupted' crashed"),
        ("exits", 1, "of 'exits' crashed"),
    ],
)
def test_the_exit_code_tells_how_the_run_ended(segue: Command, script: Path, flow: str, code: int, told: str) -> None:
    done = segue("run", f"{script}:{flow}")

    assert done.code == code
    assert told in done.out
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["{script}:greet"], 2, "who"),
        (["{script}:greet", "-p", "who=Ada", "-p", "whom=Bob"], 2, "whom"),
        (["{script}:greet", "-p", "who=[1,"], 2, "-p who=[1, is not JSON"),
        (["{script}:greet", "-p", "who"], 2, "is not of the form key=value"),
        (["{script}:greet", "--params", "[1]"], 2, "--params must be a JSON object"),
        (["{script}:greet", "-p", "return_state=true"], 2, "'return_state' is not a parameter"),
        (["{script}:geet"], 3, "Did you mean 'greet'?"),
        (["nowhere/at_all.py:f"], 3, "The script nowhere/at_all.py does not exist"),
        (["not.a.module:f"], 3, "There is no module 'not.a.module'"),
        ([], 2, "requires an argument"),
    ],
)
def test_a_call_that_cannot_be_is_one_sentence(
    segue: Command, script: Path, arguments: list[str], code: int, sentence: str
) -> None:
    done = segue("run", *(argument.format(script=script) for argument in arguments))

    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert "Traceback" not in done.err


def test_a_parameter_of_the_wrong_type_fails_the_run_in_a_sentence(segue: Command, script: Path) -> None:
    done = segue("run", f"{script}:doubles", "-p", "n=many")

    assert done.code == 1
    assert "n" in done.out
    assert "Traceback" not in done.err


def test_a_script_that_goes_wrong_shows_its_own_frames(segue: Command, script: Path) -> None:
    script.write_text("def f():\n    1 / 0\nf()\n")
    done = segue("run", f"{script}:f")

    assert done.code == 1
    assert "ZeroDivisionError" in done.err
    assert f'File "{script}", line 2, in f' in done.err
    assert "entrypoints.py" not in done.err


def test_in_a_process_of_its_own_it_is_the_same(segue_process: Command, script: Path) -> None:
    done = segue_process("run", f"{script.name}:greet", "-p", "who=Ada", cwd=script.parent)

    assert (done.code, "completed after" in done.out) == (0, True)
    assert "Finished in state Completed()" in done.err


def test_an_interrupted_run_is_recorded_as_crashed(segue: Command, script: Path) -> None:
    command = [sys.executable, "-u", "-m", "segue", "run", f"{script}:waits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)

    assert process.returncode == 130
    assert "Traceback" not in err.split("Finished in state")[0]
    assert json.loads(segue("flow-run", "ls", "-o", "json").out)[0]["state"]["type"] in ("CRASHED", "CANCELLED")
    assert "of 'waits' crashed" in out or "of 'waits' cancelled" in out
