"""A process killed at any instant: what was said to be durable is there, and the records agree with the journal."""

import random
import signal
import subprocess
from pathlib import Path

import pytest

from segue.projection import RunProjection
from segue.tables import projections
from segue_events import Event, Filter
from segue_events.journal.sqlite import SqliteJournal

TASKS = 2_000
QUICK, ALL = 8, 50


def kill_after(child: subprocess.Popen[str], lines: int) -> list[list[str]]:
    """Kill the child when it has printed so many lines; everything that it printed."""
    assert child.stdout is not None
    said = [child.stdout.readline() for _ in range(lines)]
    child.send_signal(signal.SIGKILL)
    return [line.split() for line in said + child.stdout.readlines() if line.endswith("\n")]


async def tables(journal: SqliteJournal) -> dict[str, list[tuple[object, ...]]]:
    """Every row of the projected tables."""
    return {name: await journal.query(f"SELECT * FROM {name} ORDER BY 1, 2") for name in RunProjection().tables}


@pytest.mark.parametrize("seed", [*range(QUICK), *(pytest.param(n, marks=pytest.mark.slow) for n in range(QUICK, ALL))])
async def test_what_was_flushed_survives_a_kill(start, segue_home: Path, seed: int) -> None:
    """The kill comes when a random number of events were told of, wherever the process then is."""
    said = kill_after(start("doomed.py", TASKS), random.Random(seed).randrange(1, 3 * TASKS))

    async with SqliteJournal(segue_home / "segue.db", projections=projections()) as journal:
        events = await journal.read(limit=4 * TASKS)
        completed = sum(event.kind == "task-run.completed" for event in events)
        ids = {event.seq: event.id for event in events}
        told = {int(line[1]): line[2] for line in said if line[0] == "told"}
        assert told.items() - ids.items() == set()
        assert completed >= max((int(line[1]) for line in said if line[0] == "flushed"), default=0)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert await journal.check() == []
        assert await journal.read(filter=Filter(kinds=("journal.truncated",))) == []

        projected = await tables(journal)
        await journal.rebuild()
        assert await tables(journal) == projected
        assert await journal.append([Event(kind="test.after")]) == len(events) + 1
