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


TWO = """
import asyncio
from segue import flow

@flow
async def first(other):
    other.set()
    await asyncio.Event().wait()

@flow
async def second(other):
    await other.wait()
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)

async def main():
    other = asyncio.Event()
    await asyncio.gather(first(other), second(other), return_exceptions=True)

asyncio.run(main())
"""

FORKED = """
import asyncio, multiprocessing, os, threading
from segue import flow

def endless(begun):
    begun.set()
    threading.Event().wait()

@flow
async def f():
    context = multiprocessing.get_context("fork")
    begun = context.Event()
    child = context.Process(target=endless, args=(begun,))
    child.start()
    begun.wait()
    child.terminate()
    child.join()
    return child.exitcode

print(asyncio.run(f()), flush=True)
"""

TOLD = """
import asyncio
from segue.engine.signals import termination

async def main():
    with termination(lambda: print("terminated", flush=True), lambda: print("interrupted", flush=True)):
        print("ready", flush=True)
        await asyncio.Event().wait()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("KeyboardInterrupt", flush=True)
except asyncio.CancelledError:
    print("CancelledError", flush=True)
"""

HELD = """
import signal
from segue.engine.signals import end_if_last, termination

with termination(lambda: print("noticed", flush=True)) as outer:
    with termination(lambda: print("noticed too", flush=True)) as inner:
        outer.hold()
        inner.hold()
        signal.raise_signal(signal.SIGTERM)
    end_if_last()
    print("recorded", flush=True)
end_if_last()
print("never comes to this", flush=True)
"""

OWN = """
import signal, threading
from segue import flow

came = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: came.set())

@flow
def f():
    print("ready", flush=True)
    came.wait()

f()
"""


def states_after(script: str, number: int, folder: Path) -> tuple[int, dict[str, Any]]:
    """Run the script, send it the signal once it is in its task; return its exit code and its run's record."""
    code, (run,) = runs_after(script, number, folder)
    return code, run


def runs_after(script: str, number: int, folder: Path) -> tuple[int, list[dict[str, Any]]]:
    """Do the same for a script with several runs."""
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
    return code, json.loads(listed.stdout)


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
    assert run["state"]["message"] == "Execution was aborted by an interrupt signal."


def test_all_flows_of_a_loop_are_recorded_before_the_process_ends(tmp_path: Path) -> None:
    code, runs = runs_after(TWO, signal.SIGTERM, tmp_path)
    assert code == -signal.SIGTERM
    assert [run["state"]["message"] for run in runs] == ["Execution was aborted by a termination signal."] * 2


def test_a_handler_of_the_programs_own_is_left_alone(tmp_path: Path) -> None:
    code, run = states_after(OWN, signal.SIGTERM, tmp_path)
    assert code == 0
    assert run["state"]["name"] == "Completed"


def test_a_forked_child_is_terminated_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(FORKED)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, check=True, text=True, timeout=30)
    assert done.stdout == f"{-signal.SIGTERM}\n"


@pytest.mark.parametrize(
    ("number", "told"),
    [(signal.SIGTERM, ["terminated", "CancelledError"]), (signal.SIGINT, ["interrupted", "KeyboardInterrupt"])],
)
def test_a_cancelled_coroutine_is_told_which_signal_it_was(number: int, told: list[str], tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(TOLD)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read().split() == told


def test_a_signal_waits_until_the_last_run_that_has_ended_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / "script.py"
    path.write_text(HELD)
    done = subprocess.run([sys.executable, str(path)], capture_output=True, check=False, text=True, timeout=30)
    assert done.stdout == "recorded\n"
    assert done.returncode == -signal.SIGTERM
