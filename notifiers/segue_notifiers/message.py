"""Message: what people are told, before any channel has given it a form."""

from typing import Literal

import msgspec

Severity = Literal["info", "success", "warning", "failure"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A title and a body in plain text, and what they are about.

    `id` is the same each time the same thing is told, so a receiver can drop what it already has. `run` and
    `about` are the ids of the run and of what the message is about, as in the event that caused it.
    """

    id: str
    title: str
    body: str
    severity: Severity = "info"
    run: str = ""
    about: str = ""
