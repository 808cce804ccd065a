"""Errands: what rules do apart from telling people, beside everything else, and each thing once."""

from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from segue_events import Bus, Clock, Filter, Journal
from segue_notifiers.actions import DONE, FAILED, Act, perform, performed
from segue_notifiers.firing import Firing
from segue_notifiers.rules import Action

PERFORMED = Filter(kinds=(DONE, FAILED))

# So many actions are done at the same time.
AT_ONCE = 8

PAGE = 1000


@dataclass
class Errands:
    """Actions under way. Each becomes an event, whose id keeps the action from being repeated.

    What was under way when the process died is done again, unless its event is in the journal.
    """

    act: Act
    bus: Bus
    clock: Clock
    group: TaskGroup
    active: int = 0
    _done: set[str] = field(default_factory=set[str])
    _idle: anyio.Event = field(default_factory=anyio.Event)
    _places: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(AT_ONCE))

    async def recall(self, journal: Journal, after: int) -> None:
        """Take note of what was done after this seq, since what caused it may be reckoned again."""
        while page := await journal.read(after, PERFORMED, PAGE):
            self._done.update(event.id for event in page)
            after = page[-1].seq

    def start(self, action: Action, number: int, firing: Firing) -> None:
        """Do the action, the one of this number in its rule, unless it has been done."""
        if performed(firing, number) not in self._done:
            self.active += 1
            self.group.start_soon(self._do, action, number, firing)

    async def done(self) -> None:
        """Wait until nothing is under way."""
        while self.active:
            await self._idle.wait()

    async def _do(self, action: Action, number: int, firing: Firing) -> None:
        async with self._places:
            event = await perform(self.act, action, firing, number, self.clock.now_us())
        self.bus.publish(event)
        self.active -= 1
        if not self.active:
            self._idle.set()
            self._idle = anyio.Event()
