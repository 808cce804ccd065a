"""Notifier: the subscriber that turns events into messages and brings them to every channel."""

import logging
from collections.abc import Sequence

import anyio

from segue_events import Clock, Event
from segue_notifiers.channel import Channel
from segue_notifiers.cursors import Cursors
from segue_notifiers.delivery import Delivery
from segue_notifiers.lane import Lane, Source
from segue_notifiers.message import Message
from segue_notifiers.rule import Rule, concerns, decide
from segue_notifiers.subject import Describe, describe_by_event

LOGGER = logging.getLogger("segue.notifications")

# How often one looks whether there is still nothing to do, before it counts as idle.
IDLE_LOOKS = 5


class Notifier:
    """One rule and its channels.

    Each channel has a lane of its own, so one that hangs holds up no other, and nothing piles up in memory.
    """

    def __init__(
        self,
        rule: Rule,
        channels: Sequence[Channel],
        *,
        delivery: Delivery,
        cursors: Cursors,
        clock: Clock,
        describe: Describe = describe_by_event,
    ) -> None:
        self._rule = rule
        self._clock = clock
        self._describe = describe
        self._lanes = [Lane(channel, self._compose, delivery, cursors) for channel in channels]

    async def run(self, source: Source, idle: float | None = None) -> None:
        """Tell until cancelled, or until for `idle` seconds nothing has come and nothing is on its way."""
        async with anyio.create_task_group() as group:
            for lane in self._lanes:
                group.start_soon(lane.run, source, self._rule.filter)
            if idle is not None:
                await self._until_idle(idle)
                group.cancel_scope.cancel()

    async def pending(self, source: Source) -> bool:
        """Whether the journal holds events not yet looked at; to be asked while `run` does not run."""
        for lane in self._lanes:
            if await lane.pending(source, self._rule.filter):
                return True
        return False

    async def _until_idle(self, seconds: float) -> None:
        looks = 0
        while looks < IDLE_LOOKS:
            before = [lane.activity for lane in self._lanes]
            await self._clock.sleep(seconds / IDLE_LOOKS)
            quiet = before == [lane.activity for lane in self._lanes] and not any(lane.busy for lane in self._lanes)
            looks = looks + 1 if quiet else 0

    async def _compose(self, event: Event) -> Message | None:
        now = self._clock.now_us()
        if not concerns(self._rule, event, now):
            return None
        try:
            subject = await self._describe(event)
        except Exception:
            # A message with fewer words is better than none.
            LOGGER.exception("The subject of %s %s cannot be described.", event.kind, event.subject)
            subject = await describe_by_event(event)
        return decide(self._rule, event, subject, now)
