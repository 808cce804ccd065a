"""The lock of decisions: one at a time over all processes, and free when its holder dies."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from segue.work.lock import WorkLock
from segue_events import JournalUnwritable

HOLDER = """
import fcntl, os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


async def test_who_comes_second_waits_without_holding_up_the_loop(tmp_path: Path) -> None:
    first, second = WorkLock(tmp_path / "segue.db"), WorkLock(tmp_path / "segue.db")
    order: list[str] = []

    async def decide(lock: WorkLock, name: str, until: asyncio.Event) -> None:
        async with lock:
            order.append(f"{name} begins")
            await until.wait()
            order.append(f"{name} ends")

    free, at_once = asyncio.Event(), asyncio.Event()
    at_once.set()
    async with asyncio.TaskGroup() as group:
        group.create_task(decide(first, "first", free))
        await asyncio.sleep(0)
        group.create_task(decide(second, "second", at_once))
        group.create_task(decide(first, "third", at_once))
        for _ in range(10):
            await asyncio.sleep(0)
        assert order == ["first begins"]
        free.set()
    assert order[:2] == ["first begins", "first ends"]
    assert sorted(order[2:]) == ["second begins", "second ends", "third begins", "third ends"]


def held_elsewhere(path: Path) -> subprocess.Popen[bytes]:
    """Start a process that holds the lock, and wait until it does."""
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    return holder


def is_free(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


async def test_a_process_that_is_killed_holds_up_nobody(tmp_path: Path) -> None:
    with held_elsewhere(tmp_path / "segue.db.work.lock") as holder:

        async def decide() -> None:
            async with WorkLock(tmp_path / "segue.db"):
                pass

        waiting = asyncio.create_task(decide())
        await asyncio.sleep(0)
        assert not waiting.done()
        os.kill(holder.pid, signal.SIGKILL)
        await waiting


async def test_an_error_inside_lets_go_of_it(tmp_path: Path) -> None:
    lock = WorkLock(tmp_path / "segue.db")
    with pytest.raises(KeyError):
        async with lock:
            raise KeyError

    assert is_free(tmp_path / "segue.db.work.lock")


async def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnwritable, match="by which processes take turns"):
        async with WorkLock(tmp_path / "nowhere" / "segue.db"):
            pass
