"""Cursors: how far each lane of a notifier has come, kept over restarts."""

import logging
import os
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread
import msgspec

from segue_events import Cursor, CursorError

LOGGER = logging.getLogger("segue.notifications")


class Cursors(Protocol):
    """Where cursors are kept, by the name of a lane."""

    async def get(self, lane: str) -> Cursor | None:
        """The cursor put last; None if there was none."""
        ...

    async def put(self, lane: str, cursor: Cursor) -> None:
        """Keep the cursor; it is durable once this returns."""
        ...


class CursorFile:
    """Cursors in one small JSON file, replaced as a whole at each change.

    For one process at a time. A file that cannot be read counts as empty; one that cannot be written is logged,
    and what was told since may be told again after a restart.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[str, str] | None = None
        self._one_at_a_time = anyio.Lock()

    async def get(self, lane: str) -> Cursor | None:
        """The cursor put last; None if there was none, or it is no longer readable."""
        async with self._one_at_a_time:
            texts = await self._kept()
        try:
            return Cursor.parse(texts[lane])
        except (KeyError, CursorError):
            return None

    async def put(self, lane: str, cursor: Cursor) -> None:
        """Keep the cursor; it survives the death of the process once this returns."""
        async with self._one_at_a_time:
            kept = await self._kept()
            texts = {**kept, lane: str(cursor)}
            if texts != kept:
                self._texts = texts
                await anyio.to_thread.run_sync(self._write, msgspec.json.encode(texts))

    async def _kept(self) -> dict[str, str]:
        if self._texts is None:
            self._texts = await anyio.to_thread.run_sync(self._read)
        return self._texts

    def _read(self) -> dict[str, str]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, str])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as error:
            LOGGER.warning("%s cannot be read (%s); what was told before is forgotten.", self._path, error)
            return {}

    def _write(self, content: bytes) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            new.replace(self._path)
        except OSError as error:
            LOGGER.warning("%s cannot be written (%s); some messages may be sent again later.", self._path, error)
