"""Many workflows at once on DBOS with SQLite: `dbos_flows.py N [AT_ONCE]`, its database in the folder SEGUE_BENCH_HOME.

Prints one JSON object: seconds for all, and how many of them failed.
"""

import asyncio
import json
import os
import sys
import time

from dbos import DBOS


@DBOS.step()
async def add(x: int) -> int:
    return x + 1


@DBOS.workflow()
async def small(x: int) -> int:
    return await add(x)


async def run(n: int, at_once: int) -> dict[str, float]:
    room = asyncio.Semaphore(at_once)

    async def one(x: int) -> int:
        async with room:
            return await small(x)

    began = time.perf_counter()
    outcomes = await asyncio.gather(*(one(x) for x in range(n)), return_exceptions=True)
    failed = sum(isinstance(outcome, BaseException) for outcome in outcomes)
    return {"n": n, "at_once": at_once, "seconds": time.perf_counter() - began, "failed": failed}


if __name__ == "__main__":
    n = int(sys.argv[1])
    DBOS(
        config={
            "name": "segue-bench",
            "system_database_url": f"sqlite:///{os.environ['SEGUE_BENCH_HOME']}/dbos.sqlite",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    print(json.dumps(asyncio.run(run(n, int(sys.argv[2]) if len(sys.argv) > 2 else n))))
    DBOS.destroy()
