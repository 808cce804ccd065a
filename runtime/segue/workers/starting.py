"""Starting a worker: with all it needs, in a process of its own, until a signal asks it to end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator
from dataclasses import replace
from random import SystemRandom

import anyio
import msgspec

from segue.exceptions import UnknownPool
from segue.far.link import Link, current_link
from segue.names import slug
from segue.records.work import LEASE_SECONDS, WorkerInfo
from segue.services.lost_workers import LostWorkers
from segue.services.scheduled_here import scheduled_here
from segue.services.service import attend
from segue.settings import Settings
from segue.version import __version__
from segue.work.local import LocalWork
from segue.work.protocol import Work
from segue.work.session import open_journal, open_work
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
    async with _work_with_services(settings) as work:
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
        options = Options(limit=wanted.limit or default_limit(), run_once=wanted.run_once, grace=wanted.grace)
        if settings.api_url:
            # What runs leave unsent that are killed is sent by whoever has a link to the server.
            link = await asyncio.to_thread(current_link, settings)
            options = replace(options, sent=lambda: _sent(link))
        await _until_signal(Worker(work, launcher, info, SystemClock(), run_sink(settings, shown), options))


@contextlib.asynccontextmanager
async def _work_with_services(settings: Settings) -> AsyncGenerator[Work]:
    """Open the Work of the settings; upon a journal, with what a server would do for it, which may be done twice."""
    clock = SystemClock()
    if settings.api_url:
        async with open_work(settings, clock) as work:
            yield work
        return
    async with (
        open_journal(settings, clock) as (journal, bus),
        scheduled_here(settings, clock),
        anyio.create_task_group() as group,
    ):
        work = LocalWork(journal, bus, clock)
        group.start_soon(attend, [LostWorkers(work, patience=LEASE_SECONDS)], clock, _told)
        yield work
        group.cancel_scope.cancel()


async def _sent(link: Link) -> None:
    with contextlib.suppress(OSError):  # it is tried again, and said, every minute
        await asyncio.wrap_future(link.adopted())


def _told(service: str, failed: bool) -> None:
    """Nobody counts the steps here; what fails is in the log."""


async def _until_signal(worker: Worker) -> None:
    """Run the worker; the first SIGINT or SIGTERM lets it drain, a second one ends its runs."""
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
