"""The lock that lets one notifier of a journal run; it can be handed to a child process while it is held."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class NotifierLock:
    """An open lock file. The lock belongs to the open file, and is gone when the last process has closed it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, making it if need be; does not lock. Raises OSError."""
        return cls(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))

    def acquire(self) -> bool:
        """Take the lock if nobody else has it; say whether it is taken. Never waits."""
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let others take the lock."""
        fcntl.flock(self.fd, fcntl.LOCK_UN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.fd)
