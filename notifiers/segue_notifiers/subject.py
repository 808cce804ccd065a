"""Subject: what is known of the thing an event is about, apart from the event."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from segue_events import Event

NO_PARAMETERS: Mapping[str, Any] = {}


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that a rule asks for or a message needs, and that an event of a few bytes does not hold.

    `noun` and `name` are how people call it ("flow run", "etl/brave-otter"); `facts` are lines of a name and a
    value; `parent` is the id of what it is a part of, empty for what stands alone; `command` shows more of it, and
    `link` leads to its page. `flow`, `tags`, `deployment` and `labels` are what rules pick by; `attempt` counts
    from 1, 0 where it is not known.
    """

    noun: str
    name: str
    parent: str = ""
    flow: str = ""
    tags: tuple[str, ...] = ()
    deployment: str = ""
    labels: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    attempt: int = 0
    facts: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    parameters: Mapping[str, Any] = NO_PARAMETERS
    command: str = ""
    link: str = ""


Describe = Callable[[Sequence[Event]], Awaitable[Sequence[Subject]]]
"""Finds the subjects of events, one for each; whoever knows the events' vocabulary supplies it."""


def described_by_event(event: Event) -> Subject:
    """What the event alone tells: its kind's noun and the subject's id."""
    noun = event.kind.partition(".")[0].replace("-", " ")
    return Subject(noun=noun, name=event.subject or event.id)


async def describe_by_event(events: Sequence[Event]) -> Sequence[Subject]:
    """What the events alone tell."""
    return [described_by_event(event) for event in events]
