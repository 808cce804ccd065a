"""A process whose disk has too little room: `crowded.py TASKS BYTES [stays]` may write files only BYTES longer.

It runs a flow of TASKS tasks, prints what its caller gets for it, then lifts the limit, waits until all that was
recorded is durable, and prints how many events that are; with `stays`, it ends on the full disk instead.
"""

import asyncio
import resource
import signal
import sys

from segue import flow, task
from segue.host import current_host
from segue.settings import get_current_settings
from segue_events import JournalError

HOST = current_host(get_current_settings())


@task
async def add(x: int) -> int:
    return x + 1


@flow
async def long_one(n: int) -> int:
    return sum([await add(x) for x in range(n)])


def may_write(size: int) -> None:
    """Set how long a file of this process may be."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def durable() -> int:
    """Wait for the bus to have committed everything; while it fails, its own retries are awaited."""
    while True:
        try:
            return await asyncio.wrap_future(HOST.bus.flush())
        except JournalError:
            await asyncio.sleep(0.01)


async def main(tasks: int, room: int, *, heals: bool) -> None:
    await long_one(1)
    may_write(max(path.stat().st_size for path in HOST.settings.home.iterdir() if path.is_file()) + room)
    try:
        say(f"returned {await long_one(tasks)}")
    except Exception as error:
        say(f"{type(error).__name__}: {error}")
    if heals:
        may_write(resource.RLIM_INFINITY)
        say(str(await durable()))


if __name__ == "__main__":
    # Python ignores this signal, and the write fails instead; said here since the test depends on it.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), heals="stays" not in sys.argv))
