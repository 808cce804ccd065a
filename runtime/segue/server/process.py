"""Process: a server from its start to its end: the lock, the address, the parts, the services, the signals."""

import argparse
import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import anyio
import msgspec
from uvicorn.loops.auto import auto_loop_factory

from segue.exceptions import SegueError
from segue.records.work import LEASE_SECONDS
from segue.server.address import Address, guard_of, listen
from segue.server.authentication import Authentication
from segue.server.background import Report
from segue.server.key_uses import KeyUses
from segue.server.keys import KeysFile
from segue.server.lock import Holder, ServerLock
from segue.server.log_lines import set_up
from segue.server.page import Page
from segue.server.refusal import CannotServe
from segue.server.serving import Serving, config_of, guarded
from segue.server.wiring import Wiring, wired
from segue.services.alerts import Alerts
from segue.services.late_runs import LateRuns
from segue.services.leases import Leases
from segue.services.lost_workers import LostWorkers
from segue.services.retention import Retention
from segue.services.scheduler import Scheduler
from segue.services.service import Service, attend, attend_last
from segue.settings import LoadedSettings, Settings, load_settings
from segue.version import __version__
from segue_events import Clock, EventsError, SystemClock

__all__ = ("main", "serve")

_LOGGER = logging.getLogger("segue.server")

# Open files that are not connections: of the database, of the file system, of what comes and goes.
_OTHER_FILES = 128
_MOST_FILES = 65_536

Ready = Callable[[Holder], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal asks to end; return the exit status: 0, or 1 if the server cannot start."""
    parser = argparse.ArgumentParser(prog="python -m segue.server", description=__doc__)
    # Of use only to the command that starts this: the end of a pipe, through which it is told how that went.
    parser.add_argument("--report", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    try:
        serve(load_settings(), lambda holder: _report(options.report, Report(holder=holder)))
    except (SegueError, EventsError, OSError) as error:
        _report(options.report, Report(error=str(error)))
        return 1
    return 0


def serve(loaded: LoadedSettings, ready: Ready, clock: Clock | None = None) -> None:
    """Serve the database of these settings until SIGINT or SIGTERM; a second one ends it without waiting.

    `ready` is called once the server answers. Raises CannotServe, ServerRuns, JournalError or OSError if that cannot
    come to be.
    """
    set_up()
    clock = clock or SystemClock()
    loaded.settings.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ServerLock(loaded.settings.database, clock) as lock:
        holder = Holder(pid=os.getpid(), started=clock.now_us(), version=__version__)
        lock.tell(holder)
        listener, address = listen(loaded.settings.server_host, loaded.settings.server_port)

        def started() -> None:
            at = msgspec.structs.replace(holder, url=address.url)
            lock.tell(at)
            _LOGGER.info("The server of %s answers at %s.", loaded.settings.database, address.url)
            ready(at)

        with listener, asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            runner.run(_live(loaded, clock, listener, address, started))
    _LOGGER.info("The server of %s has ended.", loaded.settings.database)


async def _live(
    loaded: LoadedSettings, clock: Clock, listener: socket.socket, address: Address, started: Callable[[], None]
) -> None:
    settings = loaded.settings
    authentication = authentication_of(settings, address, clock)
    parts = wired(
        loaded,
        clock,
        access=authentication,
        authentication=authentication,
        guard=guard_of(settings, address),
        page=Page.load() if settings.server_page else None,
    )
    async with parts as wiring:
        app, departures = guarded(wiring)
        serving = Serving(config_of(app, wiring, _raise_file_limit()), started, wiring.streams.stop)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, serving.stop)
        # What the last requests have left for these to do is done at the end.
        last = [KeyUses(authentication), Alerts(wiring.journal, settings, Path.cwd())]
        async with anyio.create_task_group() as group:
            services = [departures, *last, *_housekeeping(wiring)]
            group.start_soon(attend, services, clock, wiring.meters.stepped)
            # On its own, since its instants are not to wait for what the others do.
            scheduler = Scheduler(wiring.work, wiring.journal, wiring.bus, clock)
            group.start_soon(attend, [scheduler], clock, wiring.meters.stepped)
            await serving.serve([listener])
            group.cancel_scope.cancel()
        await attend_last(last, clock, wiring.meters.stepped)


def authentication_of(settings: Settings, address: Address, clock: Clock) -> Authentication:
    """Return who may come in by these settings at this address; raises CannotServe if that would be everybody."""
    keys = KeysFile(settings.database)
    if address.is_exposed:
        _check_exposed(settings, address, keys)
    return Authentication(
        keys,
        clock,
        required=settings.server_auth == "required" or address.is_exposed,
        off=settings.server_auth == "off",
        per_second=settings.server_requests_per_second,
    )


def _check_exposed(settings: Settings, address: Address, keys: KeysFile) -> None:
    where = f"At {address.host}, other machines would reach the server"
    if settings.server_auth == "off":
        raise CannotServe(f"{where}, and SEGUE_SERVER_AUTH=off lets everybody in; unset it, or listen at 127.0.0.1.")
    if not keys.keys:
        raise CannotServe(f"{where}, and nobody has a key yet: `segue api-key create NAME` makes one.")
    if address.is_wildcard and not settings.server_hosts:
        _LOGGER.warning("Other machines reach the server only by the names in SEGUE_SERVER_HOSTS, which has none.")


def _housekeeping(wiring: Wiring) -> list[Service]:
    settings, journal, bus = wiring.loaded.settings, wiring.journal, wiring.bus
    return [
        Leases(journal, bus, os.uname().nodename),
        LostWorkers(wiring.work, patience=LEASE_SECONDS),
        LateRuns(journal, bus, settings.server_late_seconds),
        Retention(journal, bus, settings.server_retention_days),
    ]


def _raise_file_limit() -> int:
    """Let this process have as many files open as it may; return how many connections that leaves room for."""
    least, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if most == resource.RLIM_INFINITY else min(most, _MOST_FILES)
    if wanted > least:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return max(wanted, least) - _OTHER_FILES


def _report(pipe: int | None, report: Report) -> None:
    """Tell whoever has started this how that went; whoever did it by hand reads standard error."""
    if pipe is not None:
        with open(pipe, "wb") as file:
            file.write(msgspec.json.encode(report))
    if report.error:
        sys.stderr.write(f"{report.error}\n")
