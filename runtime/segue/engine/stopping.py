"""Stopping: how a request that another thread hears of ends what a flow run's function does, wherever that is.

A coroutine's task is cancelled. A plain function in the main thread is interrupted by a signal, even in a blocking
call; in another thread by an exception at its next bytecode: a call that blocks in C ends first. Only while the
function runs, or a wait of the engine's, is anything interrupted: what comes at another time is raised where that
next begins.

A signal's handler may run between any two steps of the main thread: so no lock is taken there, and of two flags that
two threads write, each writes its own before it reads the other's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Generator
from types import FrameType
from typing import Any

from segue.engine.calls import Inside
from segue.engine.time_limits import raiser
from segue.exceptions import CancellationRequested

# Without a handler, the system ignores this signal: one that comes late does no harm.
_SIGNAL = signal.SIGURG

# So long the thread that brings a request waits for one that is just leaving its function (seconds).
_LEAVING = 1.0


class Stopping:
    """Ends the function of one run, once for each request.

    As a context manager it surrounds what may be interrupted; by `watched` it surrounds the run.
    """

    __slots__ = ("_cancels", "_due", "_is_async", "_is_main", "_lock", "_loop", "_open", "_over", "_task", "_thread")

    def __init__(self, is_async: bool) -> None:
        self._is_async = is_async
        self._is_main = False
        self._over = False
        self._open = False
        self._due = False
        self._cancels = 0
        self._lock: threading.RLock | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._thread = 0

    def ask(self) -> None:
        """End what the function does now, or what it would do next; for any thread."""
        self._due = True
        if self._over or not self._open:
            return
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the run has ended
                self._loop.call_soon_threadsafe(self._cancel)
        elif self._is_main:
            signal.pthread_kill(self._thread, _SIGNAL)
        else:
            self._raise_in_thread()

    def over(self) -> None:
        """Interrupt nothing from here on: the run has ended."""
        self._over = True

    def __enter__(self) -> None:
        if self._is_async:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._thread = threading.get_ident()
        self._is_main = self._thread == threading.main_thread().ident
        self._open = True
        if self._due and not self._over:
            self._open = self._due = False
            raise CancellationRequested

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not (self._is_async or self._is_main):
            self._leave_thread(kind)
        self._open = False
        while self._cancels and self._task is not None:
            # What the run was asked is done with; whoever called it in the same task was not asked.
            self._task.uncancel()
            self._cancels -= 1

    def take(self) -> bool:
        """Whether the main thread is to be interrupted now; True once for each request."""
        taken = self._open and self._due and not self._over
        if taken:
            self._due = False
        return taken

    @contextlib.contextmanager
    def watched(self) -> Generator[None]:
        """Be ready to be interrupted while the run lasts."""
        if self._is_async or threading.current_thread() is not threading.main_thread():
            yield
            return
        _main.add(self)
        try:
            yield
        finally:
            _main.remove(self)

    def _cancel(self) -> None:
        if self.take() and self._task is not None:
            self._cancels += 1
            self._task.cancel()

    def _raise_in_thread(self) -> None:
        lock = self._thread_lock()
        if lock.acquire(timeout=_LEAVING):
            try:
                if self._open:
                    raiser()(self._thread, CancellationRequested)
            finally:
                lock.release()

    def _leave_thread(self, kind: type[BaseException] | None) -> None:
        with self._thread_lock():
            self._open = False
            if kind is CancellationRequested:
                self._due = False
            elif self._due:
                # One that has not arrived yet is not to arrive in what comes after.
                raiser()(self._thread, None)

    def _thread_lock(self) -> threading.RLock:
        if self._lock is None:
            with _making:
                self._lock = self._lock or threading.RLock()
        return self._lock


class StoppableInside(Inside):
    """The `with` inside of which code finds itself in a flow run, and can be stopped."""

    __slots__ = ("_stopping",)

    def __init__(self, inside: tuple[Any, Any], stopping: Stopping) -> None:
        super().__init__(*inside)
        self._stopping = stopping

    def __enter__(self) -> None:
        super().__enter__()
        try:
            self._stopping.__enter__()
        except BaseException:
            super().__exit__()
            raise

    def __exit__(self, *exception: Any) -> None:
        try:
            self._stopping.__exit__(*exception)
        finally:
            super().__exit__()


class _Main:
    """The plain runs of the main thread, and the signal's handler, which is there as long as there is one."""

    def __init__(self) -> None:
        self._runs: list[Stopping] = []
        self._ring: Any = self._on_signal
        self._before: Any = None

    def add(self, run: Stopping) -> None:
        """Have it interrupted when it is due."""
        self._runs.append(run)
        if signal.getsignal(_SIGNAL) is not self._ring:
            self._before = signal.getsignal(_SIGNAL)
            signal.signal(_SIGNAL, self._ring)

    def remove(self, run: Stopping) -> None:
        """Have it interrupted no more; put the handler of before back after the last one."""
        self._runs.remove(run)
        if not self._runs and signal.getsignal(_SIGNAL) is self._ring:
            signal.signal(_SIGNAL, self._before)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if callable(self._before):
            self._before(number, frame)
        # Any of them: what is raised passes through the runs inside of the one that it is for.
        if any(run.take() for run in self._runs):
            raise CancellationRequested


_main = _Main()
_making = threading.Lock()


def _forget_after_fork() -> None:
    global _making
    _making = threading.Lock()


os.register_at_fork(after_in_child=_forget_after_fork)
