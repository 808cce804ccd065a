"""Message: what people are told, before any channel has given it a form."""

from typing import Literal

import msgspec

Severity = Literal["info", "success", "warning", "failure"]


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes with a message."""

    name: str
    content: bytes
    media_type: str = "text/plain"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A title and a body, and what they are about.

    `id` is the same each time the same thing is told, so a receiver can drop what it already has: the key against
    duplicates. `run` and `about` are the ids of the run and of what the message is about, as in the event that
    caused it. `body` is plain text; `markdown` and `html` are the same in the forms that some targets take, empty
    where there is no such form. `link` leads to a page about it.
    """

    id: str
    title: str
    body: str
    severity: Severity = "info"
    markdown: str = ""
    html: str = ""
    run: str = ""
    about: str = ""
    rule: str = ""
    link: str = ""
    attachments: tuple[Attachment, ...] = ()
