"""The same tasks on DBOS with SQLite: `dbos_tasks.py N MODE`, its database in the folder SEGUE_BENCH_HOME.

A step is recorded (one row, its output) before the next begins, so nothing is left to wait for afterwards.
"""

import asyncio
import json
import os
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from dbos import DBOS, DBOSConfig

DATABASE = Path(os.environ["SEGUE_BENCH_HOME"]) / "dbos.sqlite"


@DBOS.step()
async def add(x: int) -> int:
    return x + 1


@DBOS.step()
def add_plain(x: int) -> int:
    return x + 1


@DBOS.workflow()
async def sequential(n: int) -> float:
    began = time.perf_counter()
    for x in range(n):
        await add(x)
    return time.perf_counter() - began


@DBOS.workflow()
async def gather(n: int) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(add(x) for x in range(n)))
    return time.perf_counter() - began


@DBOS.workflow()
def plain(n: int) -> float:
    began = time.perf_counter()
    for x in range(n):
        add_plain(x)
    return time.perf_counter() - began


def recorded() -> tuple[int, int]:
    """Steps that the database holds with their output, and the bytes of that database."""
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM operation_outputs WHERE function_name LIKE '%add%'").fetchone()
        (pages,), (size,) = db.execute("PRAGMA page_count").fetchone(), db.execute("PRAGMA page_size").fetchone()
    return count, pages * size


def main() -> None:
    n, mode = int(sys.argv[1]), sys.argv[2]
    flows = {"sequential": sequential, "gather": gather, "plain": plain}
    config: DBOSConfig = {
        "name": "segue-bench",
        "system_database_url": f"sqlite:///{DATABASE}",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    before, size = recorded()
    began = time.perf_counter()
    outcome = flows[mode](n)
    inside = asyncio.run(outcome) if asyncio.iscoroutine(outcome) else outcome
    returned = time.perf_counter()
    count, now_size = recorded()
    count -= before
    print(
        json.dumps(
            {
                "n": n,
                "mode": mode,
                "inside": inside,
                "call": returned - began,
                "recorded_at_return": count,
                "recorded": count,
                "recorded_after": time.perf_counter() - returned,
                "bytes_per_task": (now_size - size) / n,
            }
        )
    )
    DBOS.destroy()


if __name__ == "__main__":
    main()
