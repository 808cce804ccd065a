"""Wiring: a notifier made of what is configured."""

import os
from collections.abc import Mapping
from random import Random
from typing import NamedTuple

from msgspec.structs import replace

from segue.exceptions import SettingsError
from segue.notify.attachments import RunAttachments
from segue.notify.configuration import Configuration
from segue.notify.deeds import deeds
from segue.notify.entries import with_secrets
from segue.notify.subjects import RunSubjects
from segue.store import Store
from segue.work.local import LocalWork
from segue_events import Clock
from segue_notifiers.actions import Actions
from segue_notifiers.channel import Channel
from segue_notifiers.channels.choice import channel_of
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.message import Message
from segue_notifiers.notifier import Notifier
from segue_notifiers.outbox.route import Route
from segue_notifiers.outbox.state import State
from segue_notifiers.rules.rule import Action, Notify, Rule
from segue_notifiers.target import Target

# A tag of all targets but those that only one flow's hook tells.
EVERYONE = "segue:everyone"


class BrokenChannel:
    """A channel of what is configured in a wrong way: it says so for each message, so that the log tells it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self._reason = reason

    async def open(self) -> None:
        """Raise InvalidChannel with the reason."""
        raise InvalidChannel(self._reason)

    async def send(self, message: Message) -> None:
        """Raise InvalidChannel with the reason."""
        raise InvalidChannel(self._reason)


class Reach(NamedTuple):
    """What a notifier reaches in the journal: what is known of runs, and what can be done to them."""

    store: Store
    work: LocalWork


def notifier_of(
    found: Configuration, reach: Reach, *, policy: Policy, state: State, clock: Clock, ui_url: str | None = None
) -> Notifier:
    """The notifier that tells what these rules say to these targets, and does what they ask for."""
    routes = [_route(target, found, policy, clock) for target in found.targets]
    return Notifier(
        [_for_everyone(rule) for rule in found.rules],
        routes,
        state=state,
        clock=clock,
        random=Random(),
        describe=RunSubjects(reach.store, ui_url).describe,
        act=Actions([route.channel for route in routes], clock, deeds(reach.work)),
        attach=RunAttachments(reach.store).fetch,
    )


def channel_for(target: Target, policy: Policy, clock: Clock, environ: Mapping[str, str] = os.environ) -> Channel:
    """The target's channel; where it cannot be made, one that says why for each message."""
    try:
        return channel_of(with_secrets(target, environ), policy, clock)
    except (InvalidChannel, SettingsError) as error:
        return BrokenChannel(target.name, str(error))


def _route(target: Target, found: Configuration, policy: Policy, clock: Clock) -> Route:
    tags = target.tags if target.name in found.left else (*target.tags, EVERYONE)
    return Route(channel=channel_for(target, policy, clock), tags=tags, rate=target.rate, timeout=target.timeout)


def _for_everyone(rule: Rule) -> Rule:
    return replace(rule, actions=tuple(map(_told_to_everyone, rule.actions)))


def _told_to_everyone(action: Action) -> Action:
    return replace(action, tags=(EVERYONE,)) if isinstance(action, Notify) and not action.tags else action
