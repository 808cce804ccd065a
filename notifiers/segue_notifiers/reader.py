"""Reader: asks the rules what is to be told of each event, puts it into the outbox, and keeps how far it has come."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import anyio

from segue_events import Bus, Clock, Cursor, Event, Filter, Journal, PayloadError, Subscription
from segue_notifiers.books import Books
from segue_notifiers.errands import Errands
from segue_notifiers.firing import Firing, News
from segue_notifiers.herald import Herald
from segue_notifiers.outbox.bell import Bell
from segue_notifiers.outbox.durable import until_durable
from segue_notifiers.outbox.state import Place
from segue_notifiers.rules import Notify, Rule
from segue_notifiers.subject import described_by_event

LOGGER = logging.getLogger("segue.notifications")

# Seconds between two looks whether all that was committed has been seen.
GLANCE = 0.02

# Seconds after which a clock that was set, or a laptop that slept, is noticed at the latest.
LONGEST_NAP = 30.0


class Source(NamedTuple):
    """Where events come from; `start` is the position before the first one for rules that have seen none yet."""

    journal: Journal
    bus: Bus
    start: Cursor


@dataclass
class Reader:
    """Reads what the rules want, from where they stopped.

    A batch is done once what it queues is durable; only then may its place be kept. So a process that dies reckons
    some events again, with the same ids for what is to be told, and the journal keeps each id once.
    """

    rules: Mapping[str, Rule]
    books: Books
    herald: Herald
    errands: Errands
    source: Source
    clock: Clock
    batches: int = 0
    _underway: int = 0
    _seen: int = 0
    _turn: anyio.Lock = field(default_factory=anyio.Lock)
    _moved: anyio.Event = field(default_factory=anyio.Event)
    _events: Subscription | None = None

    def __post_init__(self) -> None:
        self._bell = Bell(self.clock)

    async def read(self, wanted: Filter) -> None:
        """Take in events until the bus ends."""
        async with self.source.bus.subscribe(wanted, after=self.books.cursor) as self._events:
            async for batch in self._events:
                # At once: from here on the subscription's cursor is after what has not been seen yet.
                self._underway += 1
                cursor = self._events.cursor
                async with self._turn:
                    await self._tell(await self._see(batch))
                self._seen = cursor.seq
                self._done()

    async def keep_time(self) -> None:
        """Tell what time alone brings, until cancelled."""
        while True:
            due = self.books.next_due()
            seconds = None if due is None else (due - self.clock.now_us()) / 1_000_000
            if seconds is None or seconds > 0:
                await self._bell.wait(None if seconds is None else min(seconds, LONGEST_NAP))
            else:
                now = self.clock.now_us()
                # What would be said to be missing may be among what was not seen yet.
                await self._until_seen((await self.source.journal.head()).seq)
                self._underway += 1
                async with self._turn:
                    await self._tell(self.books.due(now))
                self._done()

    async def is_up_to_date(self) -> bool:
        """Whether all that is committed has been seen, and all that was to be done of it is done."""
        head = await self.source.journal.head()
        return self._is_settled() and self._events is not None and self._events.cursor.seq >= head.seq

    async def moved(self) -> None:
        """Wait until there is a place to be kept: more has been seen, and what was to be done of it is done."""
        await self._moved.wait()
        self._moved = anyio.Event()
        await self.errands.done()

    def places(self) -> tuple[Place, ...] | None:
        """Return how far each rule has come; None while something is under way, so that it would be done again."""
        if self._events is None or not self._is_settled():
            return None
        self.books.move(self._events.cursor)
        return self.books.places()

    async def _until_seen(self, seq: int) -> None:
        while self._events is None or (self._seen if self._underway else self._events.cursor.seq) < seq:
            await self._bell.wait(GLANCE)

    def _is_settled(self) -> bool:
        return not self._underway and not self.errands.active

    def _done(self) -> None:
        self._underway -= 1
        self.batches += 1
        self._bell.ring()
        self._moved.set()

    async def _see(self, events: Sequence[Event]) -> list[Firing]:
        wanted = [event for event in events if self.books.wants(event)]
        # All at once: a question to the database for each would take most of this process's time.
        asked = [event for event in wanted if self.books.needs_subject(event)]
        known = dict(zip([event.seq for event in asked], await self.herald.described(asked), strict=True))
        news = [News(event, known.get(event.seq) or described_by_event(event)) for event in wanted]
        return [firing for one in news for firing in self.books.see(one, self.clock.now_us())]

    async def _tell(self, firings: Sequence[Firing]) -> None:
        for firing in firings:
            for event in await self.herald.messages(self.rules[firing.rule], firing, self.clock.now_us()):
                self._publish(event)
        if firings:
            await until_durable(self.source.bus, self.clock)
        for firing in firings:
            for number, action in enumerate(self.rules[firing.rule].actions):
                # A reminder, a digest or good news is for people only.
                if not isinstance(action, Notify) and firing.reason in ("matched", "missing"):
                    self.errands.start(action, number, firing)

    def _publish(self, event: Event) -> None:
        try:
            self.source.bus.publish(event)
        except PayloadError as error:
            # One message that no journal can hold must not keep the others from being told.
            LOGGER.error("A message of rule %s cannot be told: %s", event.payload["rule"], error)
