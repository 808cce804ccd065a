"""Processes that share a journal: they take turns, and may be killed at any instant."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from segue_events import Filter, SqliteJournal
from segue_events.testing import Tally, numbers

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Start a program of `children/` upon the journal; it does not outlive the test."""
    children: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object) -> subprocess.Popen[str]:
        program = str(Path(__file__).parent / "children" / name)
        command = [sys.executable, program, str(path), *map(str, arguments)]
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return children[-1]

    yield start
    for child in children:
        child.kill()
        child.communicate()


def go(child: subprocess.Popen[str]) -> None:
    assert child.stdin is not None
    child.stdin.write("\n")
    child.stdin.flush()


def lines(child: subprocess.Popen[str], count: int) -> list[str]:
    """The next lines that the child prints."""
    assert child.stdout is not None
    return [child.stdout.readline() for _ in range(count)]


def rest(child: subprocess.Popen[str]) -> list[str]:
    """What else the child printed, once it has ended."""
    assert child.stdout is not None
    return child.stdout.readlines()


async def test_writers_at_once_lose_nothing_and_meet_no_lock_error(path: Path, start: Start) -> None:
    """Three processes, 150 commits each, and this one in between."""
    writers = [start("writer.py", name, 150, 3) for name in ("a", "b", "c")]
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        for writer in writers:
            go(writer)
        for n in range(100):
            await journal.append(numbers(1, subject="here", first=n))
        heads = [await asyncio.to_thread(lines, writer, 150) for writer in writers]
        assert [writer.wait(30) for writer in writers] == [0, 0, 0]

        events = await journal.read(limit=10_000)
        assert [event.seq for event in events] == list(range(1, 3 * 450 + 101))
        for name, told in zip("abc", heads, strict=True):
            written = [event for event in events if event.subject == name]
            assert [event.payload["n"] for event in written] == list(range(450))
            assert [str(event.seq) + "\n" for event in written[2::3]] == told
        assert await journal.check() == []


@pytest.mark.parametrize("commits", [1, 2, 3, 17, 60, 200, 400])
async def test_a_writer_killed_at_any_instant_leaves_a_sound_journal(path: Path, start: Start, commits: int) -> None:
    """What it said was committed is there, batches are whole, and nothing was lost."""
    child = start("writer.py", "doomed", 100_000, 4)
    go(child)
    told = await asyncio.to_thread(lines, child, commits)
    child.kill()
    told += await asyncio.to_thread(rest, child)

    async with SqliteJournal(path, projections=[Tally()]) as journal:
        head = (await journal.head()).seq
        assert head >= int(told[-1] if told[-1].endswith("\n") else told[-2])
        assert head % 4 == 0
        assert await journal.check() == []
        assert await journal.read(filter=Filter(kinds=("journal.*",))) == []
        assert await journal.append(numbers(1)) == head + 1


async def test_a_lock_ends_with_its_process(path: Path, start: Start) -> None:
    """Killed while it held the lock."""
    holder = start("holder.py")
    assert await asyncio.to_thread(lines, holder, 1) == ["held None\n"]
    journal = SqliteJournal(path)
    opening = asyncio.create_task(journal.open())
    assert await asyncio.wait([opening], timeout=0.05) == (set(), {opening})
    holder.kill()
    await opening
    assert await journal.append(numbers(1)) == 1
    await journal.close()


async def test_a_forked_child_does_not_keep_its_dead_parents_lock(path: Path, start: Start) -> None:
    """It shares the open file, and so would hold the lock."""
    holder = start("holder.py", "fork")
    (line,) = await asyncio.to_thread(lines, holder, 1)
    holder.kill()
    try:
        async with SqliteJournal(path) as journal:
            assert await journal.append(numbers(1)) == 1
    finally:
        os.kill(int(line.split()[1]), signal.SIGKILL)
