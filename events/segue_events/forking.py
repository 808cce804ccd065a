"""Forking: what keeps a forked child from waiting for a thread that only its parent has.

A child gets its parent's locks as they are, and none of the threads that would give them back. So a process is not
forked while one of its threads is inside of SQLite, which has locks of its own, or holds a lock made here.
"""

import os
import threading
from types import TracebackType
from typing import Self

__all__ = ("ForkGate", "fork_safe_lock", "gate")


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


def fork_safe_lock() -> threading.Lock:
    """Return a lock, for a module to keep, that is free in a forked child: forking waits until nobody holds it.

    Whoever holds it must not wait for anything.
    """
    lock = threading.Lock()
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
    return lock
