"""A process to be killed: `doomed.py N` runs a flow of N tasks, and tells on its standard output what is durable.

Lines: `told <seq> <id>` for each event that a subscriber was given, `flushed <tasks>` when all events of so many
completed tasks were said to be durable. They go to the pipe at once, so what stands there survives the process.
"""

import asyncio
import os
import sys
import threading

from segue import flow, task
from segue.host import current_host
from segue.settings import get_current_settings

HOST = current_host(get_current_settings())
SPEAKING = threading.Lock()
STRIDE = 50


@task
async def add(x: int) -> int:
    return x + 1


def say(text: str) -> None:
    # Two threads speak, and a long write to a pipe is not one piece.
    with SPEAKING:
        os.write(sys.stdout.fileno(), text.encode())


async def tell() -> None:
    """Pass on what a subscriber is given: an event is delivered after it is committed, never before."""
    async with HOST.bus.subscribe() as subscription:
        async for batch in subscription:
            say("".join(f"told {event.seq} {event.id}\n" for event in batch))


async def flushed(done: int) -> None:
    await asyncio.wrap_future(HOST.bus.flush())
    say(f"flushed {done}\n")


@flow
async def long_one(n: int) -> None:
    """A third awaited in sequence, a third gathered, a third mapped."""
    done = 0
    for x in range(n // 3):
        await add(x)
        done += 1
        if done % STRIDE == 0:
            await flushed(done)
    while done < 2 * n // 3:
        await asyncio.gather(*(add(x) for x in range(STRIDE)))
        done += STRIDE
        await flushed(done)
    for future in add.map(list(range(n - done))):
        await future
    await flushed(n)


async def main() -> None:
    HOST.call(tell)
    await long_one(int(sys.argv[1]))


if __name__ == "__main__":
    asyncio.run(main())
