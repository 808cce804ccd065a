"""Delivery: one message's way to one channel, in a few attempts, each of which becomes an event."""

import logging
from collections.abc import Callable
from random import Random

import anyio
import msgspec

from segue_events import Clock, Event
from segue_events.backoff import exponential
from segue_notifiers.channel import Channel
from segue_notifiers.errors import InvalidChannel, NotDelivered
from segue_notifiers.message import Message

LOGGER = logging.getLogger("segue.notifications")


class Attempts(msgspec.Struct, frozen=True, kw_only=True):
    """How hard a message is tried: how many attempts, `timeout` seconds for each, and the seconds before the
    second one, which grow by `factor` up to `cap`."""

    most: int = 3
    timeout: float = 30.0
    first_delay: float = 1.0
    factor: float = 4.0
    cap: float = 60.0
    jitter: float = 0.1


class Outcome(msgspec.Struct, frozen=True):
    """What came of one attempt; an empty reason is success, and after a `final` one there is no other."""

    reason: str = ""
    final: bool = False


Record = Callable[[Event], None]
"""Takes the events of attempts; a bus's `publish`."""


class Delivery:
    """Sends messages, and records each attempt as `notification.sent` or `notification.failed`."""

    def __init__(self, record: Record, clock: Clock, attempts: Attempts, random: Random) -> None:
        self._record = record
        self._clock = clock
        self._attempts = attempts
        self._random = random

    async def __call__(self, message: Message, channel: Channel) -> bool:
        """Try until the channel takes the message, can never take it, or the attempts are used up."""
        policy = self._attempts
        delays = exponential(policy.first_delay, policy.factor, policy.cap, policy.jitter, self._random)
        for attempt in range(1, policy.most + 1):
            outcome = await self._attempt(message, channel)
            self._note(message, channel, attempt, outcome)
            if not outcome.reason or outcome.final or attempt == policy.most:
                return not outcome.reason
            await self._clock.sleep(next(delays))
        return False

    async def _attempt(self, message: Message, channel: Channel) -> Outcome:
        try:
            await channel.open()
            with anyio.fail_after(self._attempts.timeout):
                await channel.send(message)
        except TimeoutError:
            return Outcome(f"There was no answer within {self._attempts.timeout:g} seconds.")
        except InvalidChannel as error:
            return Outcome(str(error), final=True)
        except NotDelivered as error:
            return Outcome(str(error) or "The channel gives no reason.")
        except Exception as error:
            # What a foreign error says may hold the target's URL, so only its kind is told.
            return Outcome(f"The channel failed with {type(error).__name__}.")
        return Outcome()

    def _note(self, message: Message, channel: Channel, attempt: int, outcome: Outcome) -> None:
        payload = {
            "channel": channel.name,
            "about": message.about,
            "title": message.title,
            "attempt": attempt,
            "message": message.id,
        }
        if outcome.reason:
            payload["reason"] = outcome.reason
            LOGGER.warning("%s: attempt %d to tell %r failed. %s", channel.name, attempt, message.title, outcome.reason)
        else:
            LOGGER.info("%s: told %r", channel.name, message.title)
        kind = "notification.failed" if outcome.reason else "notification.sent"
        self._record(Event(kind=kind, payload=payload, run=message.run, subject=message.about))
