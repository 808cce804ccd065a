"""Starts the notifier's process when a failure is committed and none runs; the runs themselves never wait for it."""

import logging
import os
import subprocess
import sys
from functools import lru_cache

import anyio.to_thread
import msgspec

from segue.notify.assignment import FAILURES, Assignment
from segue.notify.lock import NotifierLock
from segue.settings import Settings
from segue_events import Bus, Event, EventsError

LOGGER = logging.getLogger("segue.notifications")

MAX_LOG_BYTES = 1_048_576

# The shell starts the process in the background and ends at once. So the process is nobody's child: it needs no
# one to collect it, and a long-lived engine gathers no zombies. "$@" are words the shell does not look into.
DETACH = ("/bin/sh", "-c", '"$@" &', "sh")


def ensure_running(settings: Settings, first: int) -> None:
    """See to it that a notifier process runs that will tell of the failure with the `seq` `first`.

    To be called after that event's commit, from any thread. Does nothing without `notify_urls`. If a notifier of
    this journal runs, it has seen the commit or will before it ends, and this returns in microseconds; else one
    is started, which takes milliseconds. It goes on from where the last one stopped, or, if there was none,
    from `first` and what failed in the minute before. Never raises: a problem is logged, once per process.
    """
    if not settings.notify_urls:
        return
    assignment = Assignment.of(settings, first)
    try:
        with NotifierLock.open(assignment.lock) as lock:
            # Locked here and handed over locked: of many failures at once, only the first starts a process.
            if lock.acquire():
                _start(assignment, lock)
    except (OSError, subprocess.SubprocessError) as error:
        _warn_once(f"Nobody is told of failures, since the notifier cannot be started: {error}.")


async def watch_failures(bus: Bus, settings: Settings) -> None:
    """Call `ensure_running` for the failures the bus commits or sees committed, until the bus ends.

    To be run as a task that outlives the bus, so that what is committed last is seen too: a run that fails is
    often the last thing that happens in its process. Its first step must come before the first event is published.
    Never raises.
    """
    try:
        async with bus.subscribe(FAILURES, after=bus.position) as failures:
            async for batch in failures:
                first = next((event.seq for event in batch if _stands_alone(event)), None)
                if first is not None:
                    # In a thread, since starting a process would hold up the loop that commits.
                    await anyio.to_thread.run_sync(ensure_running, settings, first)
    except EventsError as error:
        _warn_once(f"Nobody is told of failures from now on: {error}")


def _stands_alone(event: Event) -> bool:
    # What the notifier's rule asks too; but the notifier's modules are not imported where flows run.
    return not event.run or event.run == event.subject


def _start(assignment: Assignment, lock: NotifierLock) -> None:
    read, write = os.pipe()
    # The assignment holds secrets, so it goes neither through arguments nor through a file, which others may see.
    with open(read, "rb") as reader, open(write, "wb", buffering=0) as writer:
        # More than the pipe holds is refused, since nobody reads yet.
        os.set_blocking(write, False)
        content = msgspec.json.encode(assignment)
        if writer.write(content) != len(content):
            raise OSError(f"notify_urls has {len(content):,} bytes, which is more than can be handed over")
        _detach(assignment, lock.fd, reader.fileno())


def _detach(assignment: Assignment, lock: int, reader: int) -> None:
    program = (sys.executable, "-P", "-m", "segue.notify", f"--lock={lock}", f"--assignment={reader}")
    with open(os.open(assignment.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        if log.tell() > MAX_LOG_BYTES:
            log.truncate(0)
        subprocess.run(
            [*DETACH, *program],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=assignment.log.parent,
            pass_fds=(lock, reader),
            start_new_session=True,
            timeout=10,
            check=True,
        )


@lru_cache(maxsize=32)
def _warn_once(sentence: str) -> None:
    LOGGER.warning(sentence)
