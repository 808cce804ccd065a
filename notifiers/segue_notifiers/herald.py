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
from segue_notifiers.subject import Describe, Subject, describe_by_event, described_by_event

LOGGER = logging.getLogger("segue.notifications")

# So many events are named where they cannot be described.
_SHOWN = 5

Compose = Callable[[Firing, Notify, str], Composed]
"""Puts a firing into words, as a message with this id."""


@dataclass
class Herald:
    """From a firing to the events that queue its messages, one for each target."""

    routes: Sequence[Route]
    compose: Compose
    describe: Describe
    _unheard: set[str] = field(default_factory=set[str])

    async def described(self, events: Sequence[Event]) -> Sequence[Subject]:
        """Return what is known of the thing that each event is about; never raises."""
        if not events:
            return ()
        try:
            return await self.describe(events)
        except Exception:
            # A message with fewer words is better than none.
            what = ", ".join(f"{event.kind} {event.subject}" for event in events[:_SHOWN])
            LOGGER.exception("The subjects of %d events cannot be described: %s", len(events), what)
            return await describe_by_event(events)

    async def messages(self, rule: Rule, firing: Firing, now: int) -> list[Event]:
        """Return the events that put what the firing has to tell into the outbox, at `now` (µs since 1970).

        Their ids are the same whenever the same firing is told. Of several notifications of a rule, a target gets the
        first that it is meant for.
        """
        firing = replace(firing, news=await self._completed(firing.news))
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

    async def _completed(self, news: tuple[News, ...]) -> tuple[News, ...]:
        """The news with their subjects, where the rules had no need of those."""
        bare = [one.event for one in news if one.subject == described_by_event(one.event)]
        if not bare:
            return news
        subjects = dict(zip([event.id for event in bare], await self.described(bare), strict=True))
        return tuple(News(one.event, subjects.get(one.event.id, one.subject)) for one in news)


def _wordless(firing: Firing, key: str) -> Message:
    """A message that can always be written."""
    last = firing.news[-1].event if firing.news else Event(kind="")
    title = f"Rule {firing.rule}: {firing.reason} ({firing.count:,})"
    body = f"{last.kind} {last.subject}".strip()
    return Message(
        id=key, title=title, body=body, severity=firing.severity, run=last.run, about=last.subject, rule=firing.rule
    )
