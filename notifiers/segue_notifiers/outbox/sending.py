"""Sending: one attempt to bring a message to a channel."""

import anyio
import msgspec

from segue_notifiers.errors import InvalidChannel, NotDelivered
from segue_notifiers.message import Message
from segue_notifiers.outbox.route import Route


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an attempt; an empty reason is success.

    After a `final` one there is no other. `retry_after` are the seconds that the target asks to be left alone.
    """

    reason: str = ""
    final: bool = False
    retry_after: float | None = None


async def attempt(message: Message, route: Route) -> Outcome:
    """Try once, within the route's time; never raises for what the channel does."""
    try:
        await route.channel.open()
        with anyio.fail_after(route.timeout):
            await route.channel.send(message)
    except TimeoutError:
        return Outcome(reason=f"There was no answer within {route.timeout:g} seconds.")
    except InvalidChannel as error:
        return Outcome(reason=str(error), final=True)
    except NotDelivered as error:
        reason = str(error) or "The channel gives no reason."
        return Outcome(reason=reason, final=error.final, retry_after=error.retry_after)
    except Exception as error:
        # What a foreign error says may hold the target's URL, so only its kind is told.
        return Outcome(reason=f"The channel failed with {type(error).__name__}.")
    return Outcome()
