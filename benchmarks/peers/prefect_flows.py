"""Many flow runs at once on Prefect: `prefect_flows.py N [AT_ONCE]`, a server running at PREFECT_API_URL.

Prints one JSON object: seconds for all, and how many of them failed.
"""

import asyncio
import json
import sys
import time

from prefect import flow, task


@task
async def add(x: int) -> int:
    return x + 1


@flow
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
    print(json.dumps(asyncio.run(run(n, int(sys.argv[2]) if len(sys.argv) > 2 else n))))
