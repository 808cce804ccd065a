"""Starts the notifier's process when something is committed that rules look at; the runs themselves never wait."""

import logging
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import anyio
import anyio.to_thread

from segue.notify.assignment import Assignment
from segue.notify.lock import NotifierLock
from segue.notify.registrations import Folder, Registrations
from segue.notify.sources import Sources
from segue.notify.watch import UNKNOWN, Watch, watch_of
from segue.settings import Settings
from segue_events import Bus, Event, EventsError, Subscription

LOGGER = logging.getLogger("segue.notifications")

MAX_LOG_BYTES = 1_048_576

# Seconds between two looks at what rules look at: a process may live for days, in which people write rules.
LOOK = 5.0

# The shell starts the process in the background and ends at once. So the process is nobody's child: it needs no
# one to collect it, and a long-lived engine gathers no zombies. "$@" are words the shell does not look into.
DETACH = ("/bin/sh", "-c", '"$@" &', "sh")


def is_wanted(settings: Settings) -> bool:
    """Whether somebody may have to be told of something; costs a few looks at the file system."""
    return _sources(settings).any()


def ensure_running(settings: Settings, since: int) -> None:
    """See to it that a notifier process runs that will tell of what occurred at `since` (µs since 1970).

    To be called from any thread. Does nothing where nobody is to be told of anything. If a notifier of this journal
    runs, it has seen the commit or will before it ends, and this returns in microseconds; else one is started, which
    takes milliseconds. It goes on from where the last one stopped, or, if there was none, a minute before `since`.
    Never raises: a problem is logged, once per process.
    """
    if not is_wanted(settings):
        return
    assignment = Assignment(settings=settings, folder=_folder(), since=since)
    try:
        with NotifierLock.open(assignment.lock) as lock:
            # Locked here and handed over locked: of many failures at once, only the first starts a process.
            if lock.acquire():
                _start(assignment, lock)
    except (OSError, subprocess.SubprocessError) as error:
        warn_once(f"Nobody is told of failures, since the notifier cannot be started: {error}.")


async def watch_events(bus: Bus, settings: Settings, look: float = LOOK) -> None:
    """Call `ensure_running` for what rules look at and the bus commits or sees committed, until the bus ends.

    To be run as a task that outlives the bus, so that what is committed last is seen too: a run that fails is
    often the last thing that happens in its process. Its first step must come before the first event is published.
    Every `look` seconds it sees what rules look at by now. Never raises.
    """
    position, ended = bus.position, False
    sources = _sources(settings)
    try:
        while not ended:
            watch = _watch(settings, sources)
            # One subscription for as long as it lasts: a bus looks often for what others commit when one begins.
            async with bus.subscribe(watch.filter, after=position) as events:
                while not ended and watch == _watch(settings, sources):
                    with anyio.move_on_after(look):
                        ended = await _follow(events, settings, sources, watch)
                position = events.cursor
    except EventsError as error:
        warn_once(f"Nobody is told of failures from now on: {error}")


async def _follow(events: Subscription, settings: Settings, sources: Sources, watch: Watch) -> bool:
    """Wake the notifier for events until the bus ends; return whether it has, or else it is known what to watch."""
    async for batch in events:
        since = next((event.occurred for event in batch if watch.parts or _stands_alone(event)), None)
        if since is not None:
            # In a thread, since starting a process would hold up the loop that commits.
            await anyio.to_thread.run_sync(ensure_running, settings, since)
        if watch == UNKNOWN and watch_of(settings, sources) != UNKNOWN:
            return False
    return True


@lru_cache(maxsize=32)
def warn_once(sentence: str) -> None:
    """Log the sentence, the first time it is said in this process."""
    LOGGER.warning(sentence)


def _sources(settings: Settings) -> Sources:
    return Sources.of(settings, _folder())


def _folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        # Somebody has deleted it; then it holds no rules either.
        return Path("/")


def _watch(settings: Settings, sources: Sources) -> Watch:
    """What is to be watched by now; the notifier is told of the folder's rules too."""
    _leave_folder(settings, sources)
    return watch_of(settings, sources)


def _leave_folder(settings: Settings, sources: Sources) -> None:
    """Tell the notifier of the folder's rules: one that runs already was started elsewhere."""
    if any(path != sources.own for path in sources.files()):
        try:
            Registrations.of(settings.database).leave(Folder(path=str(_folder())))
        except OSError as error:
            warn_once(f"Nobody is told by the rules of {_folder()}: {error.strerror}.")


def _stands_alone(event: Event) -> bool:
    # What rules ask that do not want parts; but the notifier's modules are not imported where flows run.
    return not event.run or event.run == event.subject


def _start(assignment: Assignment, lock: NotifierLock) -> None:
    read, write = os.pipe()
    # The assignment holds secrets, so it goes neither through arguments nor through a file, which others may see.
    with open(read, "rb") as reader, open(write, "wb", buffering=0) as writer:
        # More than the pipe holds is refused, since nobody reads yet.
        os.set_blocking(write, False)
        content = assignment.encode()
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
