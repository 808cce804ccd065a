"""Dispatcher: follows the events of messages, and has a lane for each target for which something waits."""

import logging
from collections.abc import Iterable
from random import Random

import anyio
from anyio.abc import TaskGroup, TaskStatus
from msgspec.structs import replace

from segue_events import Bus, Clock, Cursor, CursorReset, Event, Journal
from segue_notifiers.outbox.durable import until_durable
from segue_notifiers.outbox.fold import Outbox
from segue_notifiers.outbox.lane import GRACE, Attach, Desk, Lane, attach_nothing
from segue_notifiers.outbox.records import DELIVERIES, dead
from segue_notifiers.outbox.route import Route

LOGGER = logging.getLogger("segue.notifications")

# Events of one read from the journal.
PAGE = 1000

NO_TARGET = "There is no target of this name any more."


class Dispatcher:
    """Brings what is queued to its targets, by the journal alone: whoever publishes `notification.queued` uses it.

    What waits for a target that is not among the routes is kept until its time is up, since the target may be there
    again after the next start.
    """

    def __init__(self, routes: Iterable[Route], clock: Clock, random: Random, attach: Attach = attach_nothing) -> None:
        self._routes = {route.name: route for route in routes}
        self._clock = clock
        self._random = random
        self._attach = attach
        self._outbox = Outbox()
        self._lanes: dict[str, Lane] = {}
        self._moved = anyio.Event()
        self._ending = False
        self._position = Cursor("", 0, 0)

    @property
    def busy(self) -> bool:
        """Whether something is on its way, or waits for its next attempt."""
        return any(target in self._routes for target in self._outbox.targets())

    def resume(self) -> Cursor:
        """Return the cursor after which the next dispatcher has to begin."""
        return replace(self._position, seq=self._outbox.resume())

    async def run(
        self, journal: Journal, bus: Bus, after: Cursor, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED
    ) -> None:
        """Send until cancelled, beginning with what was queued after the cursor."""
        self._outbox, self._lanes, self._ending = Outbox(), dict[str, Lane](), False
        self._position = await self._catch_up(journal, after)
        task_status.started()
        desk = Desk(clock=self._clock, random=self._random, record=lambda event: self._record(bus, event),
                    attach=self._attach)  # fmt: skip
        async with bus.subscribe(DELIVERIES, after=self._position) as events, anyio.create_task_group() as group:
            self._bury(bus)
            self._wake(desk, group, self._outbox.targets())
            try:
                async for batch in events:
                    for event in batch:
                        self._outbox.apply(event)
                    self._moved.set()
                    self._moved = anyio.Event()
                    self._wake(desk, group, self._outbox.targets())
            except BaseException:
                self._hurry(GRACE)
                raise
            # Without a bus, what a target answers cannot be recorded.
            self._hurry(0)
            group.cancel_scope.cancel()

    async def _catch_up(self, journal: Journal, after: Cursor) -> Cursor:
        """Take in what happened before; return the cursor after it."""
        head = await journal.head()
        try:
            await journal.check_cursor(after)
            seq = after.seq
        except CursorReset as reset:
            LOGGER.warning("What waits to be sent is looked for in the whole journal: %s", reset)
            seq = 0
        while page := await journal.read(seq, DELIVERIES, PAGE):
            for event in page:
                self._outbox.apply(event)
            seq = page[-1].seq
        position = replace(head, seq=max(head.seq, seq))
        self._outbox.skip(position.seq)
        return position

    def _wake(self, desk: Desk, group: TaskGroup, targets: Iterable[str]) -> None:
        for target in targets:
            if target in self._lanes:
                self._lanes[target].notice()
            elif target in self._routes:
                lane = Lane(self._routes[target], self._outbox.queue(target), desk)
                self._lanes[target] = lane
                group.start_soon(lane.run)

    def _hurry(self, seconds: float) -> None:
        """Let what is under way take so many seconds more."""
        self._ending = True
        self._moved.set()
        for lane in self._lanes.values():
            lane.hurry(seconds)

    def _bury(self, bus: Bus) -> None:
        """Give up what is too old and has no target."""
        for target in self._outbox.targets():
            if target not in self._routes:
                waiting = self._outbox.pending(target)
                LOGGER.warning("%d messages wait for the target %r, which is not there.", len(waiting), target)
                now = self._clock.now_us()
                bus.publish_many(dead(entry, NO_TARGET) for entry in waiting if entry.deadline <= now)

    async def _record(self, bus: Bus, event: Event) -> None:
        bus.publish(event)
        await until_durable(bus, self._clock)
        while self._outbox.seq < event.seq and not self._ending:
            await self._moved.wait()
