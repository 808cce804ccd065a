"""The children of a flow run: the task runs it has submitted. None outlives it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from segue.engine.loops import Spawner, background_loop
from segue.engine.task_run import TaskCall
from segue.futures import TaskFuture, wait, wait_async
from segue.inputs import open_futures
from segue.task_runners import TaskRunner


class FlowChildren:
    """Starts submitted task runs when what they depend on has ended; waits for all of them, or cancels them.

    `loop` is the flow's own; None for a plain flow, whose coroutines then run in the background loop.
    """

    def __init__(self, runner: TaskRunner, loop: asyncio.AbstractEventLoop | None) -> None:
        self._runner = runner
        self._loop = loop
        self._spawner: Spawner | None = None if loop is None else Spawner(loop)
        self._open: dict[TaskFuture[Any], TaskCall] = {}

    def submit(self, job: TaskCall) -> TaskFuture[Any]:
        """Start the job, now or when its upstream runs have ended; return its future."""
        future = job.submitted(self._runner)
        future.loop = self._loop
        self._open[future] = job
        future.add_done_callback(self._ended)
        upstream = open_futures(job.upstream)
        if upstream:
            _Countdown(len(upstream), lambda: self._start(job)).watch(upstream)
        else:
            self._start(job)
        return future

    def _start(self, job: TaskCall) -> None:
        if job.is_async:
            self._loop_spawner().start(job)
        else:
            self._runner.start(job)

    def _loop_spawner(self) -> Spawner:
        if self._spawner is None:
            self._spawner = Spawner(background_loop())
        return self._spawner

    def _ended(self, future: TaskFuture[Any]) -> None:
        self._open.pop(future, None)

    def wait(self) -> None:
        """Block until no child is left."""
        while self._open:
            wait(list(self._open))

    async def wait_async(self) -> None:
        """Wait in a coroutine until no child is left."""
        while self._open:
            await wait_async(list(self._open))

    def cancel(self, reason: str) -> int:
        """Cancel what has not begun, and the coroutines that have; return how many run in threads to their end."""
        in_threads = 0
        for job in list(self._open.values()):
            job.cancelled = reason
            if job.claim():
                job.settle_cancelled(reason)
            elif job.is_async:
                self._loop_spawner().cancel(job)
            else:
                in_threads += 1
        return in_threads


class _Countdown:
    """Calls a function once a number of futures have ended."""

    def __init__(self, count: int, then: Any) -> None:
        self._left = count
        self._then = then
        self._lock = threading.Lock()

    def watch(self, futures: list[TaskFuture[Any]]) -> None:
        """Begin to count."""
        for future in futures:
            future.add_done_callback(self._one_ended)

    def _one_ended(self, _: TaskFuture[Any]) -> None:
        with self._lock:
            self._left -= 1
            over = self._left == 0
        if over:
            self._then()
