"""Lane: one channel's own way through the journal."""

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import anyio
import msgspec

from segue_events import Bus, Cursor, CursorReset, Event, Filter, Journal, JournalError
from segue_notifiers.channel import Channel
from segue_notifiers.cursors import Cursors
from segue_notifiers.delivery import Delivery
from segue_notifiers.message import Message

LOGGER = logging.getLogger("segue.notifications")

Compose = Callable[[Event], Awaitable[Message | None]]
"""Makes what is to be told of an event; None for nothing."""


class Source(NamedTuple):
    """Where events come from; `start` is the position before the first one for a lane that has no cursor yet."""

    journal: Journal
    bus: Bus
    start: Cursor


class Lane:
    """Reads events by its own cursor, and delivers one message after the other.

    The cursor moves on once a message is delivered or given up, so after a crash the one that was on its way is
    sent again, and no other. `activity` grows with what is read; `busy` says whether something is being done.
    """

    def __init__(self, channel: Channel, compose: Compose, delivery: Delivery, cursors: Cursors) -> None:
        self._channel = channel
        self._compose = compose
        self._delivery = delivery
        self._cursors = cursors
        self._position: Cursor | None = None
        self.activity = 0
        self.busy = False

    async def run(self, source: Source, wanted: Filter) -> None:
        """Tell what comes until cancelled."""
        self.busy = False
        position = await self._begin(source)
        async with source.bus.subscribe(wanted, after=position) as events:
            async for batch in events:
                self.busy = True
                for event in batch:
                    told = await self._tell(event, source.bus)
                    self._position = msgspec.structs.replace(position, seq=event.seq)
                    if told:
                        await self._keep(self._position)
                await self._keep(msgspec.structs.replace(position, seq=batch[-1].seq))
                self.activity += 1
                self.busy = False

    async def pending(self, source: Source, wanted: Filter) -> bool:
        """Whether the journal holds events this lane has not looked at; to be asked while it does not run."""
        position = await self._begin(source)
        return bool(await source.journal.read(position.seq, wanted, 1))

    async def _begin(self, source: Source) -> Cursor:
        position = self._position or await self._cursors.get(self._channel.name) or source.start
        try:
            await source.journal.check_cursor(position)
        except CursorReset as reset:
            LOGGER.warning("%s begins anew: %s", self._channel.name, reset)
            position = source.start
        return position

    async def _keep(self, position: Cursor) -> None:
        # What has been sent is to be known as such although the notifier is being stopped.
        with anyio.CancelScope(shield=True):
            await self._cursors.put(self._channel.name, position)

    async def _tell(self, event: Event, bus: Bus) -> bool:
        message = await self._compose(event)
        if message is None:
            return False
        await self._delivery(message, self._channel)
        try:
            await bus.flushed()
        except JournalError as error:
            # The bus keeps the record and tries again; that the message was sent is true all the same.
            LOGGER.warning("%s: the record of %r is not yet written. %s", self._channel.name, message.title, error)
        return True
