"""Lane: one target's own way out of the outbox, so that a target that hangs or is down holds up no other."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

import anyio
import anyio.lowlevel
import msgspec

from segue_events import Clock, Event
from segue_notifiers.message import Attachment, Message
from segue_notifiers.outbox.attempts import LIFETIME, next_attempt
from segue_notifiers.outbox.bell import Bell
from segue_notifiers.outbox.crowd import Crowd, digest_of
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.limits import Breaker, TokenBucket
from segue_notifiers.outbox.queue import Queue
from segue_notifiers.outbox.records import dead, failed, queued, sent
from segue_notifiers.outbox.route import Route
from segue_notifiers.outbox.sending import Outcome, attempt

LOGGER = logging.getLogger("segue.notifications")

# A pause that is shorter is none: clocks count in µs, and shares of a token do not come out even.
NO_PAUSE = 0.001

# Seconds that a target is left to answer when its lane is stopped: what is cut off before is sent again later.
GRACE = 5.0

Attach = Callable[[Message, str], Awaitable[Attachment | None]]
"""Fetches what goes with a message, by what the rule calls it: "log"; None where there is no such thing."""

Record = Callable[[Event], Awaitable[None]]
"""Publishes an event, and returns when it is durable and the outbox has taken it in."""


async def attach_nothing(message: Message, name: str) -> Attachment | None:
    """What goes with messages where nobody can fetch anything."""
    return None


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What all lanes share: the time, chance, and ways to record an event and to fetch an attachment."""

    clock: Clock
    random: Random
    record: Record
    attach: Attach = attach_nothing


class Lane:
    """Sends what waits in the target's queue, one message after the other, as its limits allow.

    Each attempt is an event, and the next one begins only when that is durable: killed in between, a target gets one
    message again, with the same id, and no more.
    """

    def __init__(self, route: Route, queue: Queue, desk: Desk) -> None:
        self._route = route
        self._queue = queue
        self._desk = desk
        self._bell = Bell(desk.clock)
        self._bucket = TokenBucket(route.rate, desk.clock.monotonic())
        self._breaker = Breaker()
        self._crowd = Crowd()
        self._underway = anyio.CancelScope()
        self._began = desk.clock.now_us() - round(desk.clock.monotonic() * 1_000_000)

    def notice(self) -> None:
        """Look into the queue: something has come."""
        self._bell.ring()

    def hurry(self, seconds: float = GRACE) -> None:
        """Let what is under way take so many seconds more; to be called when the lane is cancelled."""
        self._underway.deadline = anyio.current_time() + seconds

    async def run(self) -> None:
        """Send until cancelled; a target that is about to answer then is heard first."""
        while True:
            # Where nothing has to be waited for, nothing else would let the lane end.
            await anyio.lowlevel.checkpoint()
            entry = await self._due()
            condensed = self._crowd.condense(self._queue, entry)
            if condensed:
                deadline = self._desk.clock.now_us() + LIFETIME
                await self._desk.record(queued(digest_of(condensed, deadline)))
            else:
                await self._deliver(entry)

    async def _due(self) -> Entry:
        """Wait until something may be sent."""
        while True:
            now = self._now()
            entry = self._queue.first(now)
            pause = self._pause()
            if entry is not None and pause < NO_PAUSE:
                return entry
            if entry is None:
                next_at = self._queue.next_at()
                pause = None if next_at is None else (next_at - now) / 1_000_000
            await self._bell.wait(pause)

    def _now(self) -> int:
        """The instant in µs since 1970, by a clock that nobody sets: attempts go by the time that has passed."""
        return self._began + round(self._desk.clock.monotonic() * 1_000_000)

    def _pause(self) -> float:
        now = self._desk.clock.monotonic()
        return max(self._breaker.wait(now), self._bucket.wait(now))

    async def _deliver(self, entry: Entry) -> None:
        message = await self._with_attachments(entry)
        self._bucket.take(self._desk.clock.monotonic())
        # What a target has is known to be there, also if the lane is stopped meanwhile.
        with anyio.CancelScope(shield=True) as self._underway:
            await self._desk.record(self._judge(entry, await attempt(message, self._route)))

    def _judge(self, entry: Entry, outcome: Outcome) -> Event:
        """Return the event that tells of the attempt."""
        if not outcome.reason:
            LOGGER.info("%s: told %r", self._route.name, entry.message.title)
            self._crowd.done(entry)
            if self._breaker.succeeded():
                self._queue.hasten()
            return sent(entry)
        LOGGER.warning(
            "%s: attempt %d to tell %r failed. %s",
            self._route.name, entry.attempts + 1, entry.message.title, outcome.reason,
        )  # fmt: skip
        if outcome.final:
            self._crowd.done(entry)
            return dead(entry, outcome.reason)
        clock, draw = self._desk.clock, self._desk.random.random()
        self._breaker.failed(clock.monotonic(), draw, outcome.retry_after)
        next_at = next_attempt(entry.attempts + 1, self._now(), entry.deadline, draw, outcome.retry_after)
        return dead(entry, outcome.reason) if next_at is None else failed(entry, outcome.reason, next_at)

    async def _with_attachments(self, entry: Entry) -> Message:
        found: list[Attachment] = []
        for name in entry.attach:
            try:
                attachment = await self._desk.attach(entry.message, name)
            except Exception:
                # A message without its file is better than none.
                LOGGER.exception("The %s that is to go with %r cannot be fetched.", name, entry.message.title)
            else:
                found.extend([attachment] if attachment else [])
        return msgspec.structs.replace(entry.message, attachments=tuple(found)) if found else entry.message
