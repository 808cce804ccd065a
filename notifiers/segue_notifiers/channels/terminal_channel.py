"""The channel for who sits at a terminal: a line with a bell, and what it is about below."""

import sys
from typing import TextIO

from segue_notifiers.message import Message, Severity

BELL = "\a"

_MARKS: dict[Severity, str] = {"info": "i", "success": "✓", "warning": "!", "failure": "✗"}


class TerminalChannel:
    """Writes each message to the standard error, or to `stream`; rings only if that is a terminal."""

    def __init__(self, name: str = "terminal", stream: TextIO | None = None) -> None:
        self.name = name
        self._stream = stream

    async def open(self) -> None:
        """Nothing is to be done."""

    async def send(self, message: Message) -> None:
        """Write the message."""
        # Looked up only now: who redirects the standard error later means this too.
        stream = self._stream or sys.stderr
        bell = BELL if stream.isatty() else ""
        body = "".join(f"  {_printable(line)}\n" for line in message.body.splitlines())
        stream.write(f"{bell}{_MARKS[message.severity]} {_printable(message.title)}\n{body}")
        stream.flush()


def _printable(text: str) -> str:
    # What a run says of itself may hold sequences that a terminal obeys.
    return "".join(character if character.isprintable() else " " for character in text)
