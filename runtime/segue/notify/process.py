"""The notifier's process: reads the journal, tells of failures, and ends when there is nothing more to tell."""

import argparse
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from random import Random

import anyio
import msgspec

from segue.notify.assignment import FAILURES, Assignment
from segue.notify.lock import NotifierLock
from segue.notify.subjects import RunSubjects
from segue.projection import RunProjection
from segue.settings import get_current_settings
from segue.store import Store
from segue_events import Bus, Cursor, Journal, SystemClock
from segue_events.journal.sqlite import SqliteJournal
from segue_notifiers import AppriseChannel, Attempts, Channel, CursorFile, Delivery, LogChannel, Notifier, Rule, Source
from segue_notifiers.channels.url import scheme_of

IDLE_SECONDS = 5.0

# How many µs apart two failures are that count as simultaneous: more than a loaded machine takes to start a process.
SAME_TIME = 60_000_000

RULE = Rule(name="failures", filter=FAILURES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until idle; return the exit status: 0, or 1 if another notifier of this journal runs already."""
    parser = argparse.ArgumentParser(prog="python -m segue.notify", description=__doc__)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="seconds without news before it ends")
    # The other two are of use only to the engine that starts this: what it opened for this process.
    parser.add_argument("--lock", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--assignment", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    assignment = Assignment.of(get_current_settings()) if options.assignment is None else _received(options.assignment)
    with NotifierLock.open(assignment.lock) if options.lock is None else NotifierLock(options.lock) as lock:
        if not lock.acquire():
            sys.stderr.write(f"Another notifier of {assignment.database} runs already; there is nothing to do.\n")
            return 1
        anyio.run(tell, assignment, lock, options.idle)
    return 0


async def tell(assignment: Assignment, lock: NotifierLock, idle: float) -> None:
    """Tell of failures until nothing has come for `idle` seconds; the lock is held, and released at the end."""
    clock = SystemClock()
    journal = SqliteJournal(
        assignment.database, projections=[RunProjection()], synchronous=assignment.durability.upper()
    )
    async with journal, Bus(journal, clock) as bus:
        notifier = Notifier(
            RULE,
            channels_of(assignment.urls),
            delivery=Delivery(bus.publish, clock, Attempts(timeout=assignment.timeout), Random()),
            cursors=CursorFile(assignment.cursors),
            clock=clock,
            describe=RunSubjects(Store(journal)).describe,
        )
        await tell_and_unlock(notifier, Source(journal, bus, await _start(journal, assignment.first)), lock, idle)


async def tell_and_unlock(notifier: Notifier, source: Source, lock: NotifierLock, idle: float) -> None:
    """Tell until idle, and release the lock so that no failure falls in between.

    What is committed after the last look would be lost if its engine found the lock still held. So the lock is
    released first, and then comes the last look: an engine that found it held had committed before that.
    """
    while True:
        await notifier.run(source, idle)
        lock.release()
        if not await notifier.pending(source) or not lock.acquire():
            return


async def _start(journal: Journal, first: int | None) -> Cursor:
    """Where to begin when nothing was told yet: at the failure that started this, or the earliest just before it.

    Of several engines whose runs fail at the same time, the one that starts this need not be the first that committed.
    """
    head = await journal.head()
    cause = [] if first is None else await journal.read(first - 1, FAILURES, 1)
    if not cause:
        return head
    recent = msgspec.structs.replace(FAILURES, since=cause[0].occurred - SAME_TIME)
    [earliest] = await journal.read(0, recent, 1)
    return msgspec.structs.replace(head, seq=earliest.seq - 1)


def channels_of(urls: Iterable[str]) -> list[Channel]:
    """A channel for each URL, named by its scheme and place among those alike: slack-1, slack-2, mailto-1.

    `log://` stands for the log of this process; all else is for Apprise. A wrong URL has a channel too, which says
    so when it is to send.
    """
    numbers: Counter[str] = Counter()
    channels: list[Channel] = []
    for url in urls:
        scheme = scheme_of(url)
        numbers[scheme] += 1
        name = f"{scheme or 'url'}-{numbers[scheme]}"
        channels.append(LogChannel(name) if scheme == "log" else AppriseChannel(url, name))
    return channels


def _received(fd: int) -> Assignment:
    with os.fdopen(fd, "rb") as file:
        return msgspec.json.decode(file.read(), type=Assignment)
