"""The journal's lock: one writer at a time, among all processes that have the file open."""

import fcntl
import os
import weakref
from pathlib import Path
from typing import Self

__all__ = ("JournalLock",)


class JournalLock:
    """An advisory lock on the file "<database>.lock"; hold it by `with`, in one thread.

    The system gives it up when its process dies. It is held around whatever changes the database's files: commits,
    checkpoints, opening and closing. So nobody meets SQLite's "database is locked", and no checkpoint runs beside a
    commit of another connection, which corrupts databases with SQLite before 3.51.3.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._file = -1

    def open(self, *, read_only: bool = False) -> None:
        """Open the file; if only reading is wanted, do without when it cannot be had."""
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            if not read_only:
                raise
        _open.add(self)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def __enter__(self) -> Self:
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file >= 0:
            fcntl.flock(self._file, fcntl.LOCK_UN)


_open: weakref.WeakSet[JournalLock] = weakref.WeakSet()


def _close_in_child() -> None:
    """A forked child shares its parent's locks, and would hold them after the parent has died."""
    for lock in list(_open):
        lock.close()


os.register_at_fork(after_in_child=_close_in_child)
