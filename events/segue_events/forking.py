"""The gate between SQLite's threads and a fork: a process is not forked while one of them is inside of SQLite.

A thread that is inside may hold one of SQLite's own locks. The child would have that lock, taken, and not the thread
that gives it back: it would wait for ever as soon as it opened a database.
"""

import os
import threading
from types import TracebackType
from typing import Self

__all__ = ("ForkGate", "gate")


class ForkGate:
    """A `with` for any number of threads at once; a fork waits until none is inside, and none comes in meanwhile."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self._inside = 0

    def __enter__(self) -> Self:
        with self._condition:
            self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._condition:
            self._inside -= 1
            if not self._inside:
                self._condition.notify_all()

    def close(self) -> None:
        """Wait until no thread is inside, and let none in until `open`."""
        self._condition.acquire()
        while self._inside:
            self._condition.wait()

    def open(self) -> None:
        """Let threads in again."""
        self._condition.release()

    def renew(self) -> None:
        """Begin anew in a forked child, which has none of the threads."""
        self.__init__()


gate = ForkGate()
os.register_at_fork(before=gate.close, after_in_parent=gate.open, after_in_child=gate.renew)
