"""A process that is told to end: its run says so in the journal before the process goes."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PLAIN = """
import threading
from segue import flow, task

@task
def wait():
    print("ready", flush=True)
    threading.Event().wait()

@flow
def f():
    wait()

f()
"""

COROUTINE = """
import asyncio
from segue import flow, task

@task
async def wait():
    print("ready", flush=True)
    await asyncio.Event().wait()

@flow
async def f():
    await wait()

asyncio.run(f())
"""


def states_after(script: str, number: int, folder: Path) -> tuple[int, dict[str, Any]]:
    """Run the script, send it the signal once it is in its task; return its exit code and its run's record."""
    path = folder / "script.py"
    path.write_text(script)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        code = process.wait(timeout=20)
    listed = subprocess.run(
        [sys.executable, "-m", "segue", "flow-run", "ls", "-o", "json"], capture_output=True, check=True, text=True
    )
    (run,) = json.loads(listed.stdout)
    return code, run


@pytest.mark.parametrize("script", [PLAIN, COROUTINE])
def test_sigterm_is_recorded_and_then_obeyed(script: str, tmp_path: Path) -> None:
    code, run = states_after(script, signal.SIGTERM, tmp_path)
    assert code == -signal.SIGTERM
    assert run["state"]["message"] == "Execution was aborted by a termination signal."
    assert run["state"]["name"] == "Crashed"


@pytest.mark.parametrize("script", [PLAIN, COROUTINE])
def test_an_interrupt_is_recorded_and_raised(script: str, tmp_path: Path) -> None:
    code, run = states_after(script, signal.SIGINT, tmp_path)
    assert code in (1, 130, -signal.SIGINT)
    assert run["state"]["name"] == "Crashed"
