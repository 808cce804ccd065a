"""Fanout: offers what is committed to every subscription, and finds what other processes have committed."""

import asyncio
import logging
from contextlib import suppress

import msgspec

from segue_events.errors import JournalError
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.journal import Cursor, Journal
from segue_events.subscription import Subscription

__all__ = ("Fanout",)

_LOGGER = logging.getLogger("segue_events.bus")

# Events of one read of what other processes committed.
_PAGE = 1000

# Seconds between two looks for other processes' commits: a thousandth of the time since the last one, within bounds, of
# which this is the longer one.
_RARELY = 0.05


class Fanout:
    """The subscriptions of a bus, in the bus's loop.

    A batch goes to all of them as it is, or filtered once for all that have the same filter. Batches follow one another
    in order of `seq` without a gap: where this process's commits are not next to one another, what lies between is read
    from the journal. For what other processes commit, it looks at most once in `glance` seconds.
    """

    def __init__(self, journal: Journal, glance: float) -> None:
        self._journal = journal
        self._glance = glance
        self._position = Cursor("", 0, 0)
        self._subscriptions: list[Subscription] = []
        self._reading = asyncio.Lock()
        self._lookout: asyncio.Task[None] | None = None
        self._ended = False

    def __len__(self) -> int:
        return len(self._subscriptions)

    @property
    def busy(self) -> bool:
        """Whether events are being read to be offered."""
        return self._reading.locked()

    async def begin(self) -> int:
        """Begin at the journal's head; return its seq."""
        self._position = await self._journal.head()
        return self._position.seq

    def end(self) -> None:
        """Let every subscription end, also one that is about to join."""
        self._ended = True
        for subscription in list(self._subscriptions):
            self.leave(subscription)
            subscription.end()

    @property
    def position(self) -> Cursor:
        """The cursor after the last event that subscribers were offered."""
        return self._position

    async def join(self, subscription: Subscription) -> None:
        """Offer events to the subscription from now on."""
        if not self._subscriptions:
            # Without subscribers, nobody looked for what other processes have committed.
            head = await self._journal.head()
            if not self._subscriptions:
                self._position = msgspec.structs.replace(head, seq=max(head.seq, self._position.seq))
        # What is being read meanwhile may leave out what this subscription wants.
        async with self._reading:
            if self._ended:
                subscription.end()
                return
            self._subscriptions.append(subscription)
        if self._lookout is None:
            self._lookout = asyncio.create_task(self._look_out(), name="bus-lookout")

    def leave(self, subscription: Subscription) -> None:
        """Offer it no more."""
        with suppress(ValueError):
            self._subscriptions.remove(subscription)
        if not self._subscriptions and self._lookout is not None:
            self._lookout.cancel()
            self._lookout = None

    def deliver(self, events: list[Event], head: int) -> bool:
        """Offer what was just committed; return False if other events, not seen yet, lie before or between."""
        if not self._subscriptions:
            self._position = msgspec.structs.replace(self._position, seq=max(head, self._position.seq))
            return True
        first = self._position.seq + 1
        if self._reading.locked() or [event.seq for event in events] != list(range(first, first + len(events))):
            return False
        if events:
            self._offer(events, events[-1].seq)
        return True

    async def deliver_through(self, events: list[Event]) -> None:
        """Offer what was just committed, and all that lies before and between."""
        try:
            await self._pull({event.seq: event for event in events})
        except JournalError as error:
            # Each subscriber reads on by itself, and is told of it if that fails too.
            _LOGGER.warning("What other processes wrote could not be read. %s", error)
            for subscription in self._subscriptions:
                subscription.fall_behind()

    async def _pull(self, own: dict[int, Event]) -> None:
        """Offer all that is committed, wanted and not yet offered, by reading it; objects in `own` as they are."""
        async with self._reading:
            more = True
            while more:
                head = await self._journal.head()
                page = await self._journal.read(self._position.seq, self._wanted(), _PAGE)
                more = len(page) == _PAGE
                seen = page[-1].seq if page else self._position.seq
                self._offer([own.get(event.seq, event) for event in page], seen if more else max(seen, head.seq))

    def _wanted(self) -> Filter | None:
        """The kinds that some subscription wants, so that the database passes over all others; None for any kind."""
        kinds: set[str] = set()
        for subscription in self._subscriptions:
            wanted = [] if subscription.filter is None else _positive(subscription.filter)
            if not wanted:
                return None
            kinds.update(wanted)
        return Filter(kinds=tuple(sorted(kinds)))

    def _offer(self, events: list[Event], through: int) -> None:
        self._position = msgspec.structs.replace(self._position, seq=through)
        chosen: dict[Filter | None, list[Event]] = {None: events}
        for subscription in self._subscriptions:
            wanted = subscription.filter
            if wanted is not None and wanted not in chosen:
                chosen[wanted] = wanted.select(events)
            subscription.offer(chosen[wanted], through)

    async def _look_out(self) -> None:
        """Look for the commits of other processes, as long as there are subscribers."""
        quiet = 0.0
        while True:
            pause = max(min(quiet / 1000, _RARELY), self._glance)
            await asyncio.sleep(pause)
            quiet += pause
            try:
                if await self._journal.changed():
                    await self._pull({})
                    quiet = 0.0
            except JournalError as error:
                _LOGGER.warning("What other processes wrote could not be read. %s", error)


def _positive(wanted: Filter) -> list[str]:
    """The kinds of which a filter wants something; none if it says only what it does not want."""
    return [kind for kind in wanted.kinds if not kind.startswith("!")]
