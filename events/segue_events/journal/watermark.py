"""The high-water mark: beside the database, the last event that a commit has told of."""

import os
from pathlib import Path
from typing import NamedTuple

__all__ = ("Mark", "Watermark")

# The id and two numbers of 64 bits take 78 bytes.
_SIZE = 96


class Mark(NamedTuple):
    """A place in a journal, as its last writer left it."""

    journal: str
    epoch: int
    seq: int


class Watermark:
    """The file "<database>.hwm", written at each commit, under the journal's lock.

    SQLite drops the end of a damaged write-ahead log without a word; a head below the mark tells. The file is not
    flushed to disk, as it only has to outlive the process: after a power failure an older mark misses a loss, and
    never invents one. It is also where other processes see at a glance that there is news.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".hwm")
        self._file = -1

    def open(self, *, read_only: bool = False) -> None:
        """Open the file, and make it if there is none; if only reading is wanted, do without."""
        flags = os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT
        try:
            self._file = os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        except OSError:
            if not read_only:
                raise

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)

    def read(self) -> Mark | None:
        """Return the mark; None if there is none."""
        if self._file < 0:
            return None
        words = os.pread(self._file, _SIZE, 0).decode("ascii", "replace").split()
        if len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
            return Mark(words[0], int(words[1]), int(words[2]))
        return None

    def write(self, mark: Mark) -> None:
        """Replace the mark."""
        os.pwrite(self._file, f"{mark.journal} {mark.epoch} {mark.seq}".ljust(_SIZE - 1).encode() + b"\n", 0)
