"""Rule: when to speak. Pure: no clock, no channel, no journal."""

import msgspec

from segue_events import Event, Filter
from segue_notifiers.firing import Firing, News
from segue_notifiers.message import Message
from segue_notifiers.messages.composition import NO_WORDS, compose
from segue_notifiers.subject import Subject

A_DAY = 24 * 3600.0


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """Which events are told of.

    `filter` picks the events. What happened longer than `max_age` seconds ago is not told, since it would alarm
    people about what is long over. `parts` says whether that what happened to a part of something larger (a task run
    within a flow run, a flow run within another) is told by itself; by default only the whole is.
    """

    name: str
    filter: Filter
    max_age: float = A_DAY
    parts: bool = False


def concerns(rule: Rule, event: Event, now: int) -> bool:
    """Whether the event alone, at the instant `now` (µs since 1970), leaves it open that something is to be told."""
    fresh = event.occurred >= now - rule.max_age * 1_000_000
    return fresh and rule.filter.matches(event) and (rule.parts or not is_part(event))


def decide(rule: Rule, event: Event, subject: Subject, now: int) -> Message | None:
    """Return what is to be told of the event at the instant `now` (µs since 1970), or None for nothing."""
    if not concerns(rule, event, now) or (subject.parent and not rule.parts):
        return None
    firing = Firing(id=event.id, rule=rule.name, reason="matched", at=now, news=(News(event, subject),))
    return compose(firing, NO_WORDS, f"{rule.name}:{event.id}").message


def is_part(event: Event) -> bool:
    """Whether the event alone shows that its subject belongs to a run that is not itself."""
    return bool(event.run) and event.run != event.subject
