"""Several processes that write one journal at once: no lock error, no gap, no duplicate."""

import asyncio
import itertools
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal


def together(children: list[subprocess.Popen[str]]) -> list[int]:
    """Let the writers begin at the same time; how many events each says it wrote."""
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    outputs = [child.communicate()[0] for child in children]
    assert [child.returncode for child in children] == [0] * len(children)
    return [int(output) for output in outputs]


async def all_events(journal: SqliteJournal) -> list[Event]:
    """The whole journal, read by cursor."""
    events: list[Event] = []
    while page := await journal.read(after=len(events), limit=10_000):
        events += page
    return events


@pytest.mark.parametrize(
    ("events", "seconds"), [(6_000, 0), pytest.param(0, 30, marks=[pytest.mark.slow, pytest.mark.timeout(180)])]
)
async def test_two_processes_write_at_once(start, tmp_path: Path, events: int, seconds: float) -> None:
    """Each writer's numbers are there once each and in their order, in one sequence without a gap."""
    database = tmp_path / "shared.db"
    async with SqliteJournal(database):
        writers = [start("writer.py", database, name, events, seconds) for name in ("left", "right")]
        totals = await asyncio.to_thread(together, writers)

    async with SqliteJournal(database, read_only=True) as journal:
        written: dict[str, list[int]] = defaultdict(list)
        seen = await all_events(journal)
        for event in seen:
            written[event.subject].append(event.payload["number"])
        assert [event.seq for event in seen] == list(range(1, sum(totals) + 1))
        assert {name: numbers == list(range(len(numbers))) for name, numbers in written.items()} == {
            "left": True,
            "right": True,
        }
        assert [len(written["left"]), len(written["right"])] == totals
        assert sum(1 for left, right in itertools.pairwise(seen) if left.subject != right.subject) > 2
        assert await journal.check() == []
