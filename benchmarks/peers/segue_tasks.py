"""The same tasks on segue: `segue_tasks.py N MODE`, its journal in SEGUE_HOME.

Prints one JSON object: seconds inside the flow, how many task runs were recorded how long after the flow's last line,
the growth of memory, and the processor's time.
"""

import asyncio
import json
import os
import resource
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from segue import flow, task

ended: list[float] = []


@task
async def add(x: int) -> int:
    return x + 1


@task
def add_plain(x: int) -> int:
    return x + 1


@flow
async def sequential(n: int) -> float:
    began = time.perf_counter()
    for x in range(n):
        await add(x)
    return end(began)


@flow
async def gather(n: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(add(x) for x in range(n)))
    return end(began)


@flow
async def submit(n: int) -> float:
    began = time.perf_counter()
    for future in [add.submit(x) for x in range(n)]:
        await future
    return end(began)


@flow
async def map_(n: int) -> float:
    began = time.perf_counter()
    for future in add.map(list(range(n))):
        await future
    return end(began)


@flow
def plain(n: int) -> float:
    began = time.perf_counter()
    for x in range(n):
        add_plain(x)
    return end(began)


def end(began: float) -> float:
    """Seconds inside the flow; the instant goes to the program, for what happens after the flow's last line."""
    ended.append(time.monotonic())
    return time.perf_counter() - began


def recorded() -> tuple[int, int]:
    """Task runs that the journal holds as completed, and the bytes of its database."""
    database = Path(os.environ["SEGUE_HOME"]) / "segue.db"
    if not database.exists():
        return 0, 0
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        query = "SELECT count(*) FROM event JOIN event_kind ON number = kind WHERE name = 'task-run.completed'"
        (count,) = db.execute(query).fetchone()
        (pages,), (size,) = db.execute("PRAGMA page_count").fetchone(), db.execute("PRAGMA page_size").fetchone()
    return count, pages * size


def main() -> None:
    n, mode = int(sys.argv[1]), sys.argv[2]
    flows = {"sequential": sequential, "gather": gather, "submit": submit, "map": map_, "plain": plain}
    before, size = recorded()
    used = resource.getrusage(resource.RUSAGE_SELF)
    began = time.perf_counter()
    outcome = flows[mode](n)
    inside = asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
    returned = time.perf_counter()
    after_last_line = time.monotonic() - ended[0]
    now_used = resource.getrusage(resource.RUSAGE_SELF)
    count, now_size = recorded()
    print(
        json.dumps(
            {
                "n": n,
                "mode": mode,
                "inside": inside,
                "call": returned - began,
                "recorded_at_return": count - before,
                "recorded": count - before,
                "recorded_after": after_last_line,
                "ended": ended[0],
                "bytes_per_task": (now_size - size) / n,
                "memory_kib": now_used.ru_maxrss - used.ru_maxrss,
                "processor_seconds": now_used.ru_utime + now_used.ru_stime - used.ru_utime - used.ru_stime,
            }
        )
    )


if __name__ == "__main__":
    main()
