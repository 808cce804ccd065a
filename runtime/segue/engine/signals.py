"""Signals while flows run: the runs end as Crashed and are recorded, then the process ends by the signal."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from segue.exceptions import TerminationSignal
from segue.futures import running_loop


class termination:
    """Let SIGTERM interrupt the run inside of the `with`; `noticed` is called when it comes.

    A coroutine's run is interrupted by the cancellation of its asyncio task, any other by TerminationSignal, and
    each only once. There may be several at a time in one event loop. `interrupted` is called when SIGINT comes
    while a coroutine's run is inside: asyncio makes a cancellation of that too. A program that has a handler of
    its own for SIGTERM keeps it, and only the main thread can have one at all.

    Once a run has been recorded, call `end_if_last`.
    """

    __slots__ = ("_in_main", "held", "interrupted", "loop", "noticed", "task")

    def __init__(self, noticed: Callable[[], None], interrupted: Callable[[], None] | None = None) -> None:
        self.noticed = noticed
        self.interrupted = interrupted
        self.held = False
        self._in_main = threading.current_thread() is threading.main_thread()
        self.loop = running_loop()
        self.task: asyncio.Task[Any] | None = None if self.loop is None else asyncio.current_task()

    def __enter__(self) -> termination:
        if self._in_main:
            _watch.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._in_main:
            _watch.remove(self)

    def hold(self) -> None:
        """From here on a signal does not interrupt the run, which has ended and is only being recorded."""
        self.held = True


def end_if_last() -> None:
    """Let SIGTERM, if it came, do what it does to any process, now that no run is inside of `termination` any more."""
    if threading.current_thread() is threading.main_thread():
        _watch.end_if_last()


class _Watch:
    """The outermost runs of the main thread, and the handlers that are there as long as there is one."""

    def __init__(self) -> None:
        self._runs: list[termination] = []
        self._process = 0
        self._came = False
        self._terminate = self._on_terminate
        self._interrupt = self._on_interrupt
        self._interrupt_before: Any = None

    def add(self, run: termination) -> None:
        """Watch for the run too."""
        self._runs.append(run)
        self._process = os.getpid()
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._terminate)
        before = signal.getsignal(signal.SIGINT)
        # Python's own raises KeyboardInterrupt, which speaks for itself.
        if run.task is not None and callable(before) and before not in (self._interrupt, signal.default_int_handler):
            self._interrupt_before = before
            signal.signal(signal.SIGINT, self._interrupt)

    def remove(self, run: termination) -> None:
        """Watch no more for the run; put the handlers back after the last one, unless others are there by now."""
        self._runs.remove(run)
        if self._runs:
            return
        if signal.getsignal(signal.SIGTERM) == self._terminate:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if signal.getsignal(signal.SIGINT) == self._interrupt:
            signal.signal(signal.SIGINT, self._interrupt_before)

    def end_if_last(self) -> None:
        """Raise the signal that came, if no run is left."""
        if self._came and not self._runs:
            self._came = False
            signal.raise_signal(signal.SIGTERM)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._process:
            # A child that was forked while a flow ran: it has the handler, but not the run.
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            return
        if self._came:
            return
        self._came = True
        plain = False
        for run in self._runs:
            if not run.held:
                run.noticed()
                if run.task is None:
                    plain = True
                elif run.loop is not None:
                    run.loop.call_soon_threadsafe(run.task.cancel)
        # Not within `add` and `remove`: what they have begun, they finish.
        if plain and (frame is None or frame.f_globals is not globals()):
            raise TerminationSignal(number)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        for run in self._runs:
            if run.task is not None and run.interrupted is not None:
                run.interrupted()
        self._interrupt_before(number, frame)


_watch = _Watch()
