"""Notifier: the subscriber that turns events into messages and brings them to every target."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from random import Random

import anyio
from msgspec.structs import replace

from segue_events import Clock, Cursor, CursorError
from segue_notifiers.actions import Act, not_yet
from segue_notifiers.books import Books
from segue_notifiers.errands import Errands
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.herald import Compose, Herald
from segue_notifiers.messages import compose
from segue_notifiers.outbox.dispatcher import Dispatcher
from segue_notifiers.outbox.lane import Attach, attach_nothing
from segue_notifiers.outbox.route import Route
from segue_notifiers.outbox.state import Kept, State
from segue_notifiers.reader import Reader, Source
from segue_notifiers.rules import Rule, check_all, filter_of
from segue_notifiers.subject import Describe, describe_by_event

# How often one looks whether there is still nothing to do, before it counts as idle.
IDLE_LOOKS = 5

# What is due within so many µs is waited for: a day.
NEAR = 24 * 3600 * 1_000_000

# Seconds between two times that the place in the journal is kept; and how much longer than keeping it took.
KEEP_EVERY = 0.2
KEEP_PAUSE = 20


@dataclass
class Notifier:
    """Rules, and the targets of what they tell.

    Messages are queued in the journal before anything is sent, and each target has a lane of its own. So at least once
    and, as long as the process is not killed between a target's answer and its record, never twice. `describe` finds
    what an event is about, `act` does the actions of rules, and `attach` fetches what goes with messages. Raises
    InvalidRule for a rule that cannot work, InvalidChannel if two targets have the same name.
    """

    rules: Sequence[Rule]
    routes: Sequence[Route]
    _: KW_ONLY
    state: State
    clock: Clock
    random: Random
    compose: Compose = compose
    describe: Describe = describe_by_event
    act: Act = not_yet
    attach: Attach = attach_nothing

    def __post_init__(self) -> None:
        check_all(self.rules)
        self._wanted = filter_of(self.rules)
        for name, uses in Counter(route.name for route in self.routes).items():
            if uses > 1:
                raise InvalidChannel(f"{uses} targets are called {name!r}; give each of them a name of its own.")

    async def run(self, source: Source, idle: float | None = None) -> None:
        """Tell until cancelled, until the bus ends, or until there was nothing to do for `idle` seconds.

        There is something to do while messages wait for an attempt, or a rule for an instant within a day.
        """
        kept, head = await self.state.get(), await source.journal.head()
        books = await Books.opened(self.rules, kept, source.journal, source.start)
        # Killed before the first batch is done, the next one is to begin here, wherever it is told to.
        await self.state.put(Kept(books.places(), kept.outbox))
        dispatcher = Dispatcher(self.routes, self.clock, self.random, self.attach)
        async with anyio.create_task_group() as group:
            errands = Errands(self.act, source.bus, self.clock, group)
            await errands.recall(source.journal, books.cursor.seq)
            await group.start(dispatcher.run, source.journal, source.bus, _cursor(kept.outbox, replace(head, seq=0)))
            herald = Herald(self.routes, self.compose, self.describe)
            reader = Reader({rule.name: rule for rule in self.rules}, books, herald, errands, source, self.clock)
            group.start_soon(reader.keep_time)
            group.start_soon(self._keep_often, reader, dispatcher)
            if idle is not None:
                group.start_soon(self._end_when_idle, idle, reader, dispatcher, group.cancel_scope)
            try:
                await reader.read(self._wanted)
                group.cancel_scope.cancel()
            finally:
                # How far one has come is to be known although the notifier is being stopped.
                with anyio.CancelScope(shield=True):
                    await self._keep(reader, dispatcher)

    async def pending(self, source: Source) -> bool:
        """Whether the journal holds events not yet looked at; to be asked while `run` does not run."""
        books = await Books.opened(self.rules, await self.state.get(), source.journal, source.start)
        return bool(await source.journal.read(books.cursor.seq, self._wanted, 1))

    async def _end_when_idle(
        self, seconds: float, reader: Reader, dispatcher: Dispatcher, scope: anyio.CancelScope
    ) -> None:
        looks = 0
        while looks < IDLE_LOOKS:
            before = reader.batches
            await self.clock.sleep(seconds / IDLE_LOOKS)
            quiet = before == reader.batches and not dispatcher.busy and not self._waits(reader)
            looks = looks + 1 if quiet and await reader.is_up_to_date() else 0
        scope.cancel()

    def _waits(self, reader: Reader) -> bool:
        due = reader.books.next_due()
        return due is not None and due < self.clock.now_us() + NEAR

    async def _keep_often(self, reader: Reader, dispatcher: Dispatcher) -> None:
        while True:
            await reader.moved()
            begun = self.clock.monotonic()
            await self._keep(reader, dispatcher)
            # Rules may remember megabytes, of each of ten thousand runs, and have more to do than to write them down.
            await self.clock.sleep(max(KEEP_EVERY, KEEP_PAUSE * (self.clock.monotonic() - begun)))

    async def _keep(self, reader: Reader, dispatcher: Dispatcher) -> None:
        places = reader.places()
        if places is not None:
            await self.state.put(Kept(places, str(dispatcher.resume())))


def _cursor(text: str, otherwise: Cursor) -> Cursor:
    try:
        return Cursor.parse(text)
    except CursorError:
        return otherwise
