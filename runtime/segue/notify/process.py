"""The notifier's process: it tells of a journal's events while it holds the journal's lock."""

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from segue.notify.assignment import Assignment
from segue.notify.lock import NotifierLock
from segue.notify.tenure import opened, tell_and_unlock
from segue.settings import Settings, get_current_settings
from segue_events import Clock, SystemClock

IDLE_SECONDS = 5.0

# Seconds between two looks whether the notifier that runs already has ended.
STANDBY = 0.5

# Seconds between two looks whether the database is still there.
GLANCE = 2.0

LOGGER = logging.getLogger("segue.notifications")

FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until idle; return the exit status: 0, or 1 if another notifier of this journal runs already."""
    parser = argparse.ArgumentParser(prog="python -m segue.notify", description=__doc__)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds without news before it ends")
    # The other two are of use only to the engine that starts this: what it opened for this process.
    parser.add_argument("--lock", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--assignment", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format=FORM)
    assignment = _own(get_current_settings()) if options.assignment is None else _received(options.assignment)
    with NotifierLock.open(assignment.lock) if options.lock is None else NotifierLock(options.lock) as lock:
        if not lock.acquire():
            sys.stderr.write(
                f"Another notifier of {assignment.settings.database} runs already; nothing is to be done.\n"
            )
            return 1
        anyio.run(_hold, assignment, lock, options.idle)
    return 0


def serve(settings: Settings) -> int:
    """Tell until the process is asked to end; return the exit status, 0.

    Where another notifier of the journal runs, wait until that has ended. Raises JournalError and OSError for a
    database that cannot be used.
    """
    logging.basicConfig(level=logging.INFO, format=FORM)
    settings.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    assignment = _own(settings)
    with NotifierLock.open(assignment.lock) as lock:
        anyio.run(_hold, assignment, lock, None)
    return 0


async def _hold(assignment: Assignment, lock: NotifierLock, idle: float | None) -> None:
    """Tell until idle, until a signal asks to end, or until the database is gone."""
    clock = SystemClock()
    async with anyio.create_task_group() as group:
        group.start_soon(_end_at_signal, group.cancel_scope)
        if not lock.acquire():
            sys.stderr.write("Another notifier runs already; this one goes on when that has ended.\n")
            while not lock.acquire():
                await clock.sleep(STANDBY)
        async with opened(assignment, clock, idle) as tenure:
            group.start_soon(_end_without, assignment.settings.database, clock, group.cancel_scope)
            await tell_and_unlock(tenure, lock)
        group.cancel_scope.cancel()


async def _end_at_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def _end_without(database: Path, clock: Clock, scope: anyio.CancelScope) -> None:
    """End when this file has been deleted or replaced: else one would try to tell of it for a day, or for ever."""
    opened_file = _identity(database)
    while _identity(database) == opened_file:
        await clock.sleep(GLANCE)
    LOGGER.warning("The database %s is gone, and what it held is told to nobody any more.", database)
    scope.cancel()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _own(settings: Settings) -> Assignment:
    # By the clock and not by the journal's end: a run that fails while this begins may find the lock held already,
    # and start no other notifier.
    return Assignment(settings=settings, folder=Path.cwd(), since=SystemClock().now_us())


def _received(fd: int) -> Assignment:
    with os.fdopen(fd, "rb") as file:
        return Assignment.decode(file.read())
