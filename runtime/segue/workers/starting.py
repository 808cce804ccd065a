"""Starting a worker: with all it needs, in a process of its own, until a signal asks it to end."""

from __future__ import annotations

import asyncio
import os
import signal
from random import SystemRandom

import msgspec

from segue.exceptions import UnknownPool
from segue.names import slug
from segue.recording import backend_of
from segue.records.work import WorkerInfo
from segue.settings import Settings
from segue.version import __version__
from segue.work.protocol import Work
from segue.work.session import open_work
from segue.workers.launchers import launcher_of
from segue.workers.output import Show, run_sink, show
from segue.workers.worker import Options, Worker
from segue_events import SystemClock

__all__ = ("Wanted", "default_limit", "start_worker")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The worker that somebody wants; without a `type` it is of the pool's, without a `name` it gets one.

    With `limit` None, it runs as many at a time as `default_limit` says. `grace` is in seconds.
    """

    pool: str
    type: str = ""
    queues: tuple[str, ...] = ()
    name: str = ""
    limit: int | None = None
    run_once: bool = False
    grace: float = 60.0


def default_limit() -> int:
    """Return how many processes at a time this machine is given to run: eight, or four a processor."""
    return max(8, 4 * (os.cpu_count() or 1))


async def start_worker(settings: Settings, wanted: Wanted, shown: Show = show) -> None:
    """Serve a pool until SIGINT or SIGTERM: then runs that go come to their end, after a second one at once.

    Raises InvalidWork for a pool of another type, and for a type that there is not.
    """
    async with open_work(settings) as work:
        info = WorkerInfo(
            id="",
            name=wanted.name or slug(SystemRandom()),
            pool=wanted.pool,
            type=wanted.type or await _type_of(work, wanted.pool),
            queues=wanted.queues,
            host=os.uname().nodename,
            pid=os.getpid(),
            limit=wanted.limit,
            version=__version__,
        )
        launcher = launcher_of(info.type, settings)
        if settings.api_url:
            # What runs leave unsent that are killed is sent by whoever has a link to the server.
            await asyncio.to_thread(backend_of, settings)
        options = Options(limit=wanted.limit or default_limit(), run_once=wanted.run_once, grace=wanted.grace)
        worker = Worker(work, launcher, info, SystemClock(), run_sink(settings, shown), options)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, worker.drain)
        try:
            await worker.run()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)


async def _type_of(work: Work, pool: str) -> str:
    try:
        return (await work.pool(pool)).type if pool else "process"
    except UnknownPool:
        return "process"
