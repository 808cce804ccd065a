"""Composition: from a firing to the message that tells of it."""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from segue_notifiers.errors import InvalidTemplate
from segue_notifiers.firing import Firing
from segue_notifiers.message import Message
from segue_notifiers.messages.content import MAX_TITLE, content_of
from segue_notifiers.messages.markup import HTML, MARKDOWN, PLAIN, Form, as_html, as_markdown, as_text
from segue_notifiers.messages.masking import Masking
from segue_notifiers.messages.template import Template
from segue_notifiers.messages.values import ROOTS, values_of
from segue_notifiers.messages.wording import line


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
    """Write the message with this id that tells of the firing; never raises for what an event or a template holds.

    Where a template has a flaw, what it was for is written as if there were none, so that people hear of it.
    """
    masking = _masking_of(firing)
    content = content_of(firing, masking)
    last = firing.news[-1] if firing.news else None
    plain = Message(
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
    return _reworded(plain, words, firing, masking) if words.title or words.body else Composed(plain)


def check_words(words: Words) -> None:
    """Raise InvalidTemplate if the title or the body cannot be read, or names what no message has."""
    for part, text in (("title", words.title), ("body", words.body)):
        try:
            Template.parse(text, ROOTS)
        except InvalidTemplate as error:
            raise InvalidTemplate(f"In the {part}: {error}") from None


def values_of_firing(firing: Firing) -> dict[str, Any]:
    """Return what a template can name of the firing, as plain data with secrets masked, ready for JSON."""
    return values_of(firing, _masking_of(firing))


def _reworded(plain: Message, words: Words, firing: Firing, masking: Masking) -> Composed:
    values = values_of(firing, masking)
    title, title_flaw = _rendered(words.title, values, PLAIN)
    body, body_flaw = _rendered(words.body, values, PLAIN)
    title, message = line(title, MAX_TITLE), plain
    if title:
        message = replace(message, title=title)
    if body:
        markdown, _ = _rendered(words.body, values, MARKDOWN)
        html, _ = _rendered(words.body, values, HTML)
        message = replace(message, body=body, markdown=markdown, html=html)
    flaws = (("title", title_flaw), ("body", body_flaw))
    return Composed(message, " ".join(f"The template of the {part}: {flaw}" for part, flaw in flaws if flaw))


def _rendered(template: str, values: Mapping[str, Any], form: Form) -> tuple[str, str]:
    """The text, empty where the template is or has a flaw; and the flaw."""
    if not template:
        return "", ""
    try:
        text, flaw = Template.parse(template).render(values, form)
    except InvalidTemplate as error:
        return "", str(error)
    if not flaw and not text.strip():
        flaw = "It came out empty."
    return ("", flaw) if flaw else (text, "")


def _masking_of(firing: Firing) -> Masking:
    """What hides the secrets of a firing: those that its events and its runs' parameters are known to hold."""
    holders: list[Any] = [news.subject.parameters for news in firing.news]
    return Masking(*holders, *(news.event.payload for news in firing.news))
