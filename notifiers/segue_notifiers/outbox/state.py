"""State: how far the rules and the outbox have come, kept over restarts."""

import logging
import os
from pathlib import Path
from typing import Protocol

import anyio.to_thread
import msgspec

LOGGER = logging.getLogger("segue.notifications")


class Place(msgspec.Struct, frozen=True):
    """What the rules of these names have made of the events up to the cursor, as their book's snapshot."""

    cursor: str
    rules: tuple[str, ...]
    snapshot: msgspec.Raw


class Kept(msgspec.Struct, frozen=True):
    """All that is kept: the places of rules, and the cursor before the earliest message that waits.

    Both are empty where nothing was kept yet.
    """

    places: tuple[Place, ...] = ()
    outbox: str = ""


NOTHING = Kept()


class State(Protocol):
    """Where it is kept."""

    async def get(self) -> Kept:
        """What was put last; `NOTHING` if nothing was."""
        ...

    async def put(self, kept: Kept) -> None:
        """Keep it; it survives the death of the process once this returns."""
        ...


class MemoryState:
    """A state for as long as the object lasts."""

    def __init__(self) -> None:
        self.kept = NOTHING

    async def get(self) -> Kept:
        """What was put last; nothing if nothing was."""
        return self.kept

    async def put(self, kept: Kept) -> None:
        """Keep it in memory."""
        self.kept = kept


class StateFile:
    """A JSON file that only its owner may read, replaced as a whole at each change.

    For one process at a time. A file that cannot be read counts as empty; one that cannot be written is logged, and
    after a restart the same is reckoned again, which brings no message twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def get(self) -> Kept:
        """What was put last; nothing if the file is not there or not readable."""
        return await anyio.to_thread.run_sync(self._read)

    async def put(self, kept: Kept) -> None:
        """Keep it; it survives the death of the process once this returns."""
        await anyio.to_thread.run_sync(self._write, msgspec.json.encode(kept))

    def _read(self) -> Kept:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Kept)
        except FileNotFoundError:
            return NOTHING
        except (OSError, msgspec.MsgspecError) as error:
            LOGGER.warning("%s cannot be read (%s); rules begin anew.", self._path, error)
            return NOTHING

    def _write(self, content: bytes) -> None:
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
            new.replace(self._path)
        except OSError as error:
            LOGGER.warning("%s cannot be written (%s); rules go on from an older state later.", self._path, error)
