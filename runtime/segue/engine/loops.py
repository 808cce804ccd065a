"""Event loops: how submitted coroutines start in the loop of their flow, or, for plain flows, in one of segue's."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections import deque
from typing import Any

from segue.engine.task_run import TaskCall
from segue.futures import running_loop

# How many task runs begin in one turn of the loop: 10,000 begun at once would hold it for a quarter of a second.
SLICE = 100
# From 3.12 a coroutine may begin at once instead of in the loop's next turn, which halves the cost of a short one.
_EAGER: dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}


class Spawner:
    """Starts task runs as asyncio tasks of one loop, a slice of them in each of its turns; from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: deque[TaskCall] = deque()
        self._lock = threading.Lock()
        self._pumping = False

    def start(self, call: TaskCall) -> None:
        """Have the run begin soon, in the order of calls."""
        with self._lock:
            self._waiting.append(call)
            if self._pumping:
                return
            self._pumping = True
        if running_loop() is self._loop:
            self._loop.call_soon(self._pump)
        else:
            self._loop.call_soon_threadsafe(self._pump)

    def _pump(self) -> None:
        """Start a slice of runs, unless the journal is far behind: then as soon as it has caught up."""
        full = self._waiting[0].world.backend.room() if self._waiting else None
        if full is None:
            self._start_slice()
        else:
            asyncio.wrap_future(full, loop=self._loop).add_done_callback(self._go_on)

    def _go_on(self, waited: asyncio.Future[int]) -> None:
        # A journal that fails is told of where a run ends; it stops no run from being started.
        waited.exception()
        self._start_slice()

    def _start_slice(self) -> None:
        for _ in range(SLICE):
            with self._lock:
                if not self._waiting:
                    self._pumping = False
                    return
                call = self._waiting.popleft()
            call.asyncio_task = asyncio.Task(call.execute_async(), loop=self._loop, context=call.variables, **_EAGER)
        self._loop.call_soon(self._pump)

    def cancel(self, call: TaskCall) -> None:
        """Cancel a run that has begun, in the loop's own thread."""
        self._loop.call_soon_threadsafe(self._cancel, call)

    def _cancel(self, call: TaskCall) -> None:
        if call.asyncio_task is not None:
            call.asyncio_task.cancel()


def background_loop() -> asyncio.AbstractEventLoop:
    """Return the loop in which the coroutines of plain flows run: one thread of this process, started when needed."""
    global _background
    with _lock:
        if _background is None:
            loop = asyncio.new_event_loop()
            # A daemon: no flow ends before its coroutines, so at the end of the program nothing runs in it.
            threading.Thread(target=loop.run_forever, name="segue-loop", daemon=True).start()
            _background = loop
        return _background


def _forget_after_fork() -> None:
    global _background, _lock
    _background, _lock = None, threading.Lock()


_lock = threading.Lock()
_background: asyncio.AbstractEventLoop | None = None
os.register_at_fork(after_in_child=_forget_after_fork)
