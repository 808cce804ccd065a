"""Runs that fail on segue, and how quick the others are meanwhile: `segue_failures.py alone N` or `among N SECONDS`.

`alone`: N flow runs fail, one after another. Prints a JSON line for each: its id, and the wall clock at its commit.
`among`: for so many seconds one flow awaits tasks, while N flow runs fail at an even pace. Prints one JSON object: how
many tasks were done, in how many seconds, the processor's time, and the monotonic clock at each fiftieth task.
"""

import asyncio
import contextlib
import json
import logging
import os
import sys
import time
from typing import Any

from segue import flow, task
from segue.host import current_host
from segue.settings import get_current_settings
from segue_events import Filter

HOST = current_host(get_current_settings())
PAUSE = 0.15
MARK = 50


@task
async def add(x: int) -> int:
    return x + 1


@flow
async def bad() -> None:
    raise ValueError("the benchmark says so")


@flow
async def busy(seconds: float) -> dict[str, Any]:
    done, began, processor = 0, time.perf_counter(), time.process_time()
    marks: list[float] = []
    while (inside := time.perf_counter() - began) < seconds:
        await add(done)
        done += 1
        if done % MARK == 0:
            marks.append(time.monotonic())
    return {"tasks": done, "inside": inside, "processor_seconds": time.process_time() - processor, "marks": marks}


async def fail() -> None:
    with contextlib.suppress(ValueError):
        await bad()


async def tell() -> None:
    """Print when each failure was committed: an event is delivered after it is committed, never before."""
    async with HOST.bus.subscribe(Filter(kinds=("flow-run.failed",))) as failures:
        async for batch in failures:
            now = time.time()
            for event in batch:
                line = json.dumps({"run": event.subject, "committed": now})
                os.write(sys.stdout.fileno(), f"{line}\n".encode())


async def alone(n: int) -> None:
    HOST.call(tell)
    for _ in range(n):
        await fail()
        await asyncio.sleep(PAUSE)


async def among(n: int, seconds: float) -> None:
    failing: list[asyncio.Task[None]] = []

    async def storm() -> None:
        began = time.perf_counter()
        for count in range(n):
            await asyncio.sleep(max(0.0, began + seconds * count / n - time.perf_counter()))
            failing.append(asyncio.create_task(fail()))

    storming = asyncio.create_task(storm())
    figures = await busy(seconds)
    await storming
    await asyncio.gather(*failing)
    print(json.dumps({**figures, "failures": len(failing)}))


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    mode, n, *rest = sys.argv[1:]
    asyncio.run(alone(int(n)) if mode == "alone" else among(int(n), float(rest[0])))
