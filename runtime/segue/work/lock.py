"""The lock under which decisions about work are taken, one at a time over all processes that share a journal."""

import asyncio
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio.to_thread

from segue_events import JournalUnwritable

__all__ = ("WorkLock",)


class WorkLock:
    """An asynchronous context manager over the file "<database>.work.lock"; the file is made when it is needed.

    It belongs to the present loop. A process that dies loses it at once.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".work.lock")
        self._mine = asyncio.Lock()
        self._file = -1

    async def __aenter__(self) -> Self:
        await self._mine.acquire()
        try:
            self._file = self._open()
            await self._lock(self._file)
        except BaseException:
            self._leave()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalUnwritable(
                f"The file {self._path}, by which processes take turns, cannot be opened ({error.strerror}); "
                "let this user write the folder."
            ) from None

    async def _lock(self, file: int) -> None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Others hold it for some milliseconds. In a thread, as nothing else in this loop is to wait; and to its
            # end, as a thread that is given up would get the lock some time, and nobody would give it back.
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(fcntl.flock, file, fcntl.LOCK_EX)

    def _leave(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)
        self._mine.release()
