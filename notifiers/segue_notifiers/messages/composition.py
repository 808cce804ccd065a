"""Composition: from a firing to the message that tells of it."""

from typing import Any, Protocol

import msgspec

from segue_notifiers.firing import Firing
from segue_notifiers.message import Message
from segue_notifiers.messages.content import content_of
from segue_notifiers.messages.markup import as_html, as_markdown, as_text
from segue_notifiers.messages.masking import Masking


class Words(Protocol):
    """The templates of a message; an empty one leaves the words to us. `rules.Notify` is one."""

    @property
    def title(self) -> str: ...
    @property
    def body(self) -> str: ...


class Texts(msgspec.Struct, frozen=True):
    """Templates of a message without a rule to hold them."""

    title: str = ""
    body: str = ""


NO_WORDS = Texts()


class Composed(msgspec.Struct, frozen=True):
    """A message, and what was wrong with the templates for it; empty if nothing was."""

    message: Message
    flaw: str = ""


def compose(firing: Firing, words: Words, message_id: str) -> Composed:
    """Write the message with this id that tells of the firing; never raises for what an event or a template holds."""
    masking = masking_of(firing)
    content = content_of(firing, masking)
    last = firing.news[-1] if firing.news else None
    return Composed(
        Message(
            id=message_id,
            title=content.title,
            body=as_text(content),
            markdown=as_markdown(content),
            html=as_html(content),
            severity=firing.severity,
            run=last.event.run if last else "",
            about=last.event.subject if last else "",
            rule=firing.rule,
            link=content.link,
        )
    )


def masking_of(firing: Firing) -> Masking:
    """What hides the secrets of a firing: those that its events and its runs' parameters are known to hold."""
    holders: list[Any] = [news.subject.parameters for news in firing.news]
    return Masking(*holders, *(news.event.payload for news in firing.news))
