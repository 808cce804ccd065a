"""Tenure: the time in which a process is the one notifier of a journal."""

import logging
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol

import anyio
import msgspec

from segue.notify import configuration
from segue.notify.assignment import Assignment
from segue.notify.collection import LEFT
from segue.notify.configuration import Configuration
from segue.notify.lock import NotifierLock
from segue.notify.watch import FAILURES, Watch
from segue.notify.wiring import Reach, notifier_of
from segue.store import Store
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, Clock, Cursor, Filter
from segue_events.journal.sqlite import SqliteJournal
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.notifier import Notifier
from segue_notifiers.outbox.state import StateFile
from segue_notifiers.reader import Source
from segue_notifiers.rules import filter_of

LOGGER = logging.getLogger("segue.notifications")

# How many µs apart two failures are that count as simultaneous: more than a loaded machine takes to start a process.
SAME_TIME = 60_000_000

# How many µs lie at most between a failure and the word that its flow's hook leaves.
JUST_BEFORE = 10_000_000

# Seconds between two looks whether the configuration has changed.
GLANCE = 0.5

# Seconds between two looks for news. Each look reads anew what other processes' commits have changed, and takes a part
# of the machine from the runs; nobody reads a message sooner than this.
LOOK = 0.05


class Telling(Protocol):
    """What `tell_and_unlock` needs of a tenure."""

    async def run(self) -> None:
        """Tell until there is nothing more to tell."""
        ...

    async def pending(self) -> bool:
        """Whether there is something to tell after all."""
        ...


async def tell_and_unlock(telling: Telling, lock: NotifierLock) -> None:
    """Tell until idle, and release the lock so that no event falls in between.

    What is committed after the last look would be lost if its engine found the lock still held. So the lock is
    released first, and then comes the last look: an engine that found it held had committed before that.
    """
    while True:
        await telling.run()
        lock.release()
        if not await telling.pending() or not lock.acquire():
            return


class Tenure:
    """Tells of a journal's events by the configuration as it is, also when that changes.

    `idle` are the seconds without anything to do after which it ends; None for never.
    """

    def __init__(
        self, assignment: Assignment, journal: SqliteJournal, bus: Bus, clock: Clock, idle: float | None
    ) -> None:
        self._assignment = assignment
        self._settings = assignment.settings
        self._journal = journal
        self._bus = bus
        self._clock = clock
        self._idle = idle
        self._since = None if assignment.since is None else assignment.since - SAME_TIME
        self._told: set[str] = set()
        self._read()

    async def run(self) -> None:
        """Tell until idle."""
        while True:
            notifier, source = await self._set_up()
            async with anyio.create_task_group() as group:
                group.start_soon(self._until_changed, group.cancel_scope)
                await notifier.run(source, self._idle)
                group.cancel_scope.cancel()
            if not self._has_changed():
                return
            # Rules that are new begin a little before they are read: what they are for may have happened by now.
            self._since = self._clock.now_us() - JUST_BEFORE
            self._read()

    async def pending(self) -> bool:
        """Whether the configuration has changed, or an event has come."""
        if self._has_changed():
            return True
        notifier, source = await self._set_up()
        return await notifier.pending(source)

    def _read(self) -> None:
        """Read the configuration, and leave word of what it has to be woken for."""
        settings, folder = self._settings, self._assignment.folder
        self._sources = configuration.sources_of(settings, folder, clock=self._clock)
        self._mark = self._marked()
        stamps = self._sources.stamps()
        self._found = configuration.load(settings, folder, clock=self._clock)
        for problem in self._found.problems:
            if problem not in self._told:
                LOGGER.warning(problem)
        self._told = set(self._found.problems)
        written = [rule for rule in self._found.rules if self._found.places[f"rules.{rule.name}"] != LEFT]
        kinds = tuple(dict.fromkeys((*FAILURES, *filter_of(written).kinds)))
        try:
            Watch(kinds=kinds, parts=any(rule.parts for rule in written), files=stamps).write(settings)
        except OSError as error:
            LOGGER.warning("Runs wake the notifier for any event, since that cannot be written: %s", error)

    async def _set_up(self) -> tuple[Notifier, Source]:
        notifier = notifier_of(
            self._found,
            Reach(Store(self._journal), LocalWork(self._journal, self._bus, self._clock)),
            policy=self._policy(),
            state=StateFile(self._assignment.state),
            clock=self._clock,
            ui_url=self._settings.ui_url,
        )
        return notifier, Source(self._journal, self._bus, await self._start(self._found))

    def _policy(self) -> Policy:
        """Where messages may go; nowhere but to the public where the setting cannot be read."""
        try:
            return configuration.policy_of(self._settings)
        except InvalidChannel as error:
            LOGGER.warning("Messages go to no private network: %s", error)
            return Policy(schemes=self._settings.notify_allow_schemes)

    async def _start(self, found: Configuration) -> Cursor:
        """Where rules begin that have seen nothing yet: at what this was started for, or the earliest just before it.

        Of several engines whose runs fail at the same time, the one that starts this need not be the first that
        committed.
        """
        head = await self._journal.head()
        if self._since is None:
            return head
        recent = Filter(kinds=filter_of(found.rules).kinds, since=self._since)
        earliest = await self._journal.read(0, recent, 1)
        return msgspec.structs.replace(head, seq=earliest[0].seq - 1) if earliest else head

    async def _until_changed(self, scope: anyio.CancelScope) -> None:
        while not self._has_changed():
            await self._clock.sleep(GLANCE)
        scope.cancel()

    def _has_changed(self) -> bool:
        return self._marked() != self._mark

    def _marked(self) -> object:
        return self._sources.fingerprint(self._clock.now_us())


@asynccontextmanager
async def opened(assignment: Assignment, clock: Clock, idle: float | None) -> AsyncGenerator[Tenure]:
    """A tenure upon the assignment's own journal."""
    settings = assignment.settings
    journal = SqliteJournal(settings.database, projections=projections(), synchronous=settings.durability.upper())
    bus = Bus(journal, clock, glance=LOOK)
    stack = AsyncExitStack()
    try:
        # A signal may come at any time; a journal that is half opened or closed has threads that never end.
        with anyio.CancelScope(shield=True):
            await stack.enter_async_context(journal)
            await stack.enter_async_context(bus)
        yield Tenure(assignment, journal, bus, clock, idle)
    finally:
        with anyio.CancelScope(shield=True):
            await stack.aclose()
