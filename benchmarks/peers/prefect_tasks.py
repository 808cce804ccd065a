"""The same tasks on Prefect: `prefect_tasks.py N MODE`, a server at PREFECT_API_URL, its SQLite in PREFECT_HOME.

Prints one JSON object: seconds inside the flow, and how many task runs were recorded how long after the flow returned.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from prefect import flow, task

PATIENCE = float(os.environ.get("SEGUE_BENCH_PATIENCE", "60"))


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
    return time.perf_counter() - began


@flow
async def gather(n: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(add(x) for x in range(n)))
    return time.perf_counter() - began


@flow
async def submit(n: int) -> float:
    began = time.perf_counter()
    for future in [add.submit(x) for x in range(n)]:
        future.result()
    return time.perf_counter() - began


@flow
async def map_(n: int) -> float:
    began = time.perf_counter()
    add.map(list(range(n))).result()
    return time.perf_counter() - began


@flow
def plain(n: int) -> float:
    began = time.perf_counter()
    for x in range(n):
        add_plain(x)
    return time.perf_counter() - began


def recorded() -> tuple[int, int]:
    """Task runs that the server's database holds as completed, and the bytes of that database."""
    database = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM task_run WHERE state_type = 'COMPLETED'").fetchone()
        (pages,), (size,) = db.execute("PRAGMA page_count").fetchone(), db.execute("PRAGMA page_size").fetchone()
    return count, pages * size


def main() -> None:
    n, mode = int(sys.argv[1]), sys.argv[2]
    flows = {"sequential": sequential, "gather": gather, "submit": submit, "map": map_, "plain": plain}
    before, size = recorded()
    began = time.perf_counter()
    outcome = flows[mode](n)
    inside = asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
    returned = time.perf_counter()
    at_return = count = recorded()[0] - before
    while count < n and time.perf_counter() - returned < PATIENCE:
        time.sleep(0.02)
        count = recorded()[0] - before
    print(
        json.dumps(
            {
                "n": n,
                "mode": mode,
                "inside": inside,
                "call": returned - began,
                "recorded_at_return": at_return,
                "recorded": count,
                "recorded_after": time.perf_counter() - returned,
                "bytes_per_task": (recorded()[1] - size) / n,
            }
        )
    )


if __name__ == "__main__":
    main()
