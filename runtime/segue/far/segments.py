"""Segments: the files of a spool: rows, one a line, and the place up to which they are acknowledged."""

import fcntl
import os
from pathlib import Path
from typing import NamedTuple

__all__ = ("Place", "Segment", "SpoolFolder")

SUFFIX = ".rows"
_LOCK = "lock"
_PLACE = "acknowledged"


class Place(NamedTuple):
    """A place between two rows: the number of the segment, and the bytes before it there."""

    number: int
    offset: int


class Segment:
    """One file of rows; `size` is the bytes of whole rows in it."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        self._path = folder / f"{number:08d}{SUFFIX}"
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = self._whole()

    def _whole(self) -> int:
        """Take away what a writer that was killed has written of its last row."""
        size = os.fstat(self._fd).st_size
        whole = os.pread(self._fd, size, 0).rfind(b"\n") + 1
        if whole < size:
            os.ftruncate(self._fd, whole)
        return whole

    def append(self, data: bytes) -> None:
        """Write whole rows at the end, all or nothing; raises OSError."""
        try:
            view = memoryview(data)
            offset = self.size
            while view:
                written = os.pwrite(self._fd, view, offset)
                offset += written
                view = view[written:]
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size += len(data)

    def rows(self, offset: int, max_bytes: int, max_rows: int) -> list[bytes]:
        """Return the rows after an offset, up to so many bytes, but one at least if there is one."""
        left = self.size - offset
        data = os.pread(self._fd, min(max_bytes, left), offset)
        if b"\n" not in data:
            data = os.pread(self._fd, left, offset)
            data = data[: data.find(b"\n") + 1]
        return data[: data.rfind(b"\n") + 1].split(b"\n")[:-1][:max_rows]

    def sync(self) -> None:
        """Wait until the rows survive a loss of power."""
        os.fdatasync(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    def delete(self) -> None:
        """Let go of the file, and delete it."""
        self.close()
        self._path.unlink(missing_ok=True)


class SpoolFolder:
    """A spool's folder, which belongs to one process at a time; a process that dies leaves it to the next."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._place = os.open(path / _PLACE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @classmethod
    def claim(cls, path: Path) -> "SpoolFolder | None":
        """Return the folder, made if there is none, as this process's; None while it is another's."""
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have emptied and deleted the folder in between.
            if os.fstat(lock).st_ino == (path / _LOCK).stat().st_ino:
                return cls(path, lock)
        except (BlockingIOError, FileNotFoundError):
            pass
        os.close(lock)
        return None

    def numbers(self) -> list[int]:
        """Return the numbers of the segments that are there, in order."""
        names = (path.stem for path in self.path.glob(f"*{SUFFIX}"))
        return sorted(int(name) for name in names if name.isdecimal())

    def acknowledged(self) -> Place:
        """Return the place up to which all is acknowledged, as far as it was noted."""
        number, _, offset = os.pread(self._place, 64, 0).decode("ascii", "replace").partition(" ")
        return Place(int(number), int(offset)) if number.isdecimal() and offset.strip().isdecimal() else Place(0, 0)

    def note(self, place: Place) -> None:
        """Note that all up to this place is acknowledged. One that is lost costs that some rows are sent again."""
        os.pwrite(self._place, b"%012d %012d" % place, 0)

    def close(self) -> None:
        """Let the next process have it."""
        os.close(self._place)
        os.close(self._lock)

    def delete(self) -> None:
        """Delete it, which holds no segments any more."""
        for name in (_PLACE, _LOCK):
            (self.path / name).unlink(missing_ok=True)
        self.close()
        self.path.rmdir()
