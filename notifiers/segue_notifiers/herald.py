"""Herald: decides who is told of a firing, and makes the messages that are queued for them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from segue_events import Event
from segue_notifiers.firing import Firing, News
from segue_notifiers.message import Message
from segue_notifiers.messages import Composed
from segue_notifiers.outbox.attempts import LIFETIME
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.records import dedupe_key, queued
from segue_notifiers.outbox.route import Route
from segue_notifiers.rules import Notify, Rule
from segue_notifiers.subject import Describe, Subject, describe_by_event

LOGGER = logging.getLogger("segue.notifications")

Compose = Callable[[Firing, Notify, str], Composed]
"""Puts a firing into words, as a message with this id."""


@dataclass
class Herald:
    """From a firing to the events that queue its messages, one for each target."""

    routes: Sequence[Route]
    compose: Compose
    describe: Describe
    _unheard: set[str] = field(default_factory=set[str])

    async def described(self, event: Event) -> Subject:
        """Return what is known of the thing the event is about; never raises."""
        try:
            return await self.describe(event)
        except Exception:
            # A message with fewer words is better than none.
            LOGGER.exception("The subject of %s %s cannot be described.", event.kind, event.subject)
            return await describe_by_event(event)

    async def messages(self, rule: Rule, firing: Firing, now: int) -> list[Event]:
        """Return the events that put what the firing has to tell into the outbox, at `now` (µs since 1970).

        Their ids are the same whenever the same firing is told. Of several notifications of a rule, a target gets the
        first that it is meant for.
        """
        news = [await self._completed(news) for news in firing.news]
        firing = replace(firing, news=tuple(news))
        events: dict[str, Event] = {}
        for notify in (action for action in rule.actions if isinstance(action, Notify)):
            for route in self._routes(firing, notify):
                if route.name not in events:
                    events[route.name] = self._event(firing, notify, route, now)
        if not events:
            self._warn(rule)
        return list(events.values())

    def _event(self, firing: Firing, notify: Notify, route: Route, now: int) -> Event:
        key = dedupe_key(firing.id, route.name)
        try:
            composed = self.compose(firing, notify, key)
        except Exception:
            LOGGER.exception("What rule %s has to tell cannot be put into words.", firing.rule)
            composed = Composed(_wordless(firing, key))
        entry = Entry(message=composed.message, target=route.name, deadline=now + LIFETIME, attach=notify.attach)
        return queued(entry, firing.id, composed.flaw)

    def _warn(self, rule: Rule) -> None:
        if rule.name not in self._unheard and any(isinstance(action, Notify) for action in rule.actions):
            self._unheard.add(rule.name)
            LOGGER.warning("Rule %s tells nobody: no target has one of the tags that it names.", rule.name)

    def _routes(self, firing: Firing, notify: Notify) -> list[Route]:
        # The steps of an escalation name their own people; who was told before is not told again.
        tags = firing.tags if firing.level else notify.tags
        return [route for route in self.routes if not tags or set(tags) & set(route.tags)]

    async def _completed(self, news: News) -> News:
        """The news with its subject, where the rules had no need of that."""
        if news.subject != await describe_by_event(news.event):
            return news
        return News(news.event, await self.described(news.event))


def _wordless(firing: Firing, key: str) -> Message:
    """A message that can always be written."""
    last = firing.news[-1].event if firing.news else Event(kind="")
    title = f"Rule {firing.rule}: {firing.reason} ({firing.count:,})"
    body = f"{last.kind} {last.subject}".strip()
    return Message(
        id=key, title=title, body=body, severity=firing.severity, run=last.run, about=last.subject, rule=firing.rule
    )
