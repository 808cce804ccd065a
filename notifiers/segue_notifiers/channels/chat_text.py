"""Texts for chats: cut to the length that a service takes, and kept from meaning more than they say."""

import re

from segue_notifiers.message import Attachment, Message, Severity

COLORS: dict[Severity, int] = {"info": 0x3A87AD, "success": 0x2EB67D, "warning": 0xECB22E, "failure": 0xE01E5A}
MARKS: dict[Severity, str] = {"info": "🔵", "success": "🟢", "warning": "🟡", "failure": "🔴"}

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|>~<-])")


def cut(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis; at most so many characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def escaped_markdown(text: str) -> str:
    """Plain text as Markdown that shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", text)


def last_lines(message: Message, most: int) -> str:
    """The end of the first attachment that is text, for services that take no files; empty if there is none."""
    text = next((_text_of(one) for one in message.attachments if one.media_type.startswith("text/")), "").rstrip()
    if len(text) <= most:
        return text
    end = text[-most:]
    # A line that is cut in two says less than none; one that is longer than all the room is cut all the same.
    return end.partition("\n")[2] or end


def _text_of(attachment: Attachment) -> str:
    return attachment.content.decode("utf-8", "replace")
