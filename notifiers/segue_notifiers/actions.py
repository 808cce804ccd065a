"""Actions: what a rule does besides telling people."""

import asyncio
import importlib
import inspect
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import anyio
import msgspec

from segue_events import Clock, Event
from segue_notifiers.channel import Channel
from segue_notifiers.channels.webhook_channel import WebhookChannel
from segue_notifiers.daemon_thread import call_in_daemon_thread
from segue_notifiers.errors import ActionFailed, InvalidChannel, NotDelivered
from segue_notifiers.firing import Firing
from segue_notifiers.messages.composition import values_of_firing
from segue_notifiers.messages.template import Template
from segue_notifiers.outbox.records import dedupe_key
from segue_notifiers.rules.rule import Action, CallFunction, CallWebhook

LOGGER = logging.getLogger("segue.notifications")

DONE, FAILED = "action.done", "action.failed"

# Seconds that one action may take, and between the attempts to reach a webhook.
TIME_LIMIT = 60.0
DELAYS = (1.0, 10.0)

Act = Callable[[Action, Firing], Awaitable[None]]
"""Does an action; raises ActionFailed with the reason."""


async def perform(act: Act, action: Action, firing: Firing, number: int, now: int) -> Event:
    """Do the action, the rule's `number`th, and return the event that tells what came of it; never raises.

    The event's id is that of `performed`: a journal that holds it has seen the action done. `now` is in µs since 1970.
    """
    about = {"rule": firing.rule, "firing": firing.id, "action": name_of(action)}
    try:
        await act(action, firing)
    except ActionFailed as error:
        reason = str(error)
    except Exception as error:
        # What a foreign error says may be a secret, so it goes to this process's log only.
        LOGGER.exception("%s of rule %s failed.", name_of(action), firing.rule)
        reason = f"It raised {type(error).__name__}; the notifier's log has the traceback."
    else:
        reason = ""
    last = firing.news[-1].event if firing.news else None
    return Event(
        id=performed(firing, number),
        kind=FAILED if reason else DONE,
        run=last.run if last else "",
        subject=last.subject if last else "",
        occurred=now,
        payload=about | ({"reason": reason} if reason else {}),
    )


def performed(firing: Firing, number: int) -> str:
    """The id of the event that tells of the rule's `number`th action for this firing, always the same."""
    return dedupe_key("action", firing.id, str(number))


def name_of(action: Action) -> str:
    """What the action is called in files and events: "call-webhook"."""
    return str(type(action).__struct_config__.tag)


async def not_yet(action: Action, firing: Firing) -> None:
    """Do nothing, and say so: for those actions whose other end does not exist here."""
    raise ActionFailed(f"This version of segue cannot do {name_of(action)} yet; take it out of the rule.")


class Actions:
    """Does actions: each kind by a function of its own.

    Out of the box it calls functions, and the webhooks among `channels`; `others` are the kinds that whoever knows of
    runs can do. An action of any other kind fails with a sentence.
    """

    def __init__(
        self, channels: Iterable[Channel], clock: Clock, others: Mapping[type[Action], Act] | None = None
    ) -> None:
        self._channels = {channel.name: channel for channel in channels}
        self._clock = clock
        self._kinds: dict[type[Any], Callable[[Any, Firing], Awaitable[None]]] = {
            CallFunction: self._call_function,
            CallWebhook: self._call_webhook,
            **(others or {}),
        }

    async def __call__(self, action: Action, firing: Firing) -> None:
        """Do the action, in a minute at most; raises ActionFailed with the reason."""
        with anyio.move_on_after(TIME_LIMIT) as scope:
            await self._kinds.get(type(action), not_yet)(action, firing)
        if scope.cancelled_caught:
            raise ActionFailed(f"It was not done within {TIME_LIMIT:g} seconds.")

    async def _call_function(self, action: CallFunction, firing: Firing) -> None:
        # In a thread, since both to import it and to call it may take any time.
        answer = await _in_thread(lambda: _function(action.function)(firing))
        if inspect.isawaitable(answer):
            await answer

    async def _call_webhook(self, action: CallWebhook, firing: Firing) -> None:
        channel = self._channels.get(action.target)
        if not isinstance(channel, WebhookChannel):
            what = "there is no target of that name" if channel is None else "its URL is no webhook+https://"
            raise ActionFailed(f"The webhook '{action.target}' cannot be called: {what}.")
        body, key = _document(action, firing), dedupe_key("webhook", firing.id, action.target)
        for delay in (*DELAYS, None):
            try:
                await channel.open()
                await channel.post(body, key)
            except InvalidChannel as error:
                raise ActionFailed(str(error)) from None
            except NotDelivered as error:
                if error.final or delay is None:
                    raise ActionFailed(str(error) or "The target gives no reason.") from None
                await self._clock.sleep(max(delay, error.retry_after or 0.0))
            else:
                return


def _document(action: CallWebhook, firing: Firing) -> bytes:
    values = values_of_firing(firing)
    if not action.body:
        return msgspec.json.encode(values)
    text, flaw = Template.parse(action.body).render(values)
    if flaw:
        raise ActionFailed(f"The template of the body: {flaw}")
    return text.encode()


def _function(path: str) -> Callable[[Firing], Any]:
    module, _, name = path.partition(":")
    try:
        found = importlib.import_module(module) if module and name else None
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        found = None
    if not callable(found):
        raise ActionFailed(f"There is no function '{path}' to import; write package.module:name.")
    return found


async def _in_thread(call: Callable[[], Any]) -> Any:
    return await asyncio.wrap_future(call_in_daemon_thread(call, "segue-action"))
