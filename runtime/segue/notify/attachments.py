"""Attachments: what goes with a message about a run, read when it is sent."""

import logging

from segue.records import LogLine
from segue.store import Store
from segue.store.events import Part
from segue_notifiers.message import Attachment, Message

# The last so many bytes of a log go with a message.
MAX_BYTES = 262_144

# Lines of one read.
PAGE = 1_000


class RunAttachments:
    """Fetches the log of the run that a message is about."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def fetch(self, message: Message, name: str) -> Attachment | None:
        """The attachment that rules call by this name; None where there is nothing."""
        if name != "log" or not (message.run or message.about):
            return None
        lines = await self._lines(message)
        if not lines:
            return None
        text = "".join(lines).encode("utf-8", "replace")
        cut = text if len(text) <= MAX_BYTES else "…\n".encode() + text[-MAX_BYTES:].partition(b"\n")[2]
        return Attachment(name=f"{message.about or message.run}.log", content=cut)

    async def _lines(self, message: Message) -> list[str]:
        """The last lines, and a few more than go with a message."""
        task_run = message.about if message.about != message.run else None
        lines: list[str] = []
        size, cursor = 0, None
        while size <= MAX_BYTES:
            part = Part(newest=True, limit=PAGE, cursor=cursor)
            page = await self._store.logs.page(message.run, part, task_run_id=task_run)
            lines += map(_written, page.items)
            size = sum(map(len, lines))
            if (cursor := page.next) is None:
                break
        return lines[::-1]


def _written(line: LogLine) -> str:
    instant = line.timestamp.isoformat(sep=" ", timespec="milliseconds")
    return f"{instant} {logging.getLevelName(line.level):8} {line.logger}: {line.message}\n"
