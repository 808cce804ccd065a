"""The children of a flow run: the task runs it has submitted. None outlives it."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from segue import states
from segue.engine.loops import Spawner, background_loop
from segue.engine.shielding import shielded
from segue.engine.tag_slots import TagSlots
from segue.engine.task_run import TaskCall
from segue.exceptions import BlockingInLoopError
from segue.futures import TaskFuture, running_loop, wait, wait_async
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
        self._closed: str | None = None

    def submit(self, job: TaskCall) -> TaskFuture[Any]:
        """Start the job, now or when its upstream runs have ended; return its future.

        Raises RuntimeError once the flow run has ended or been cancelled: nothing would wait for the job.
        """
        if self._closed is not None:
            raise RuntimeError(f"Task run {job.run.name!r} cannot be submitted: {self._closed}")
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
        if job.claimed:
            return
        try:
            if job.is_async:
                self._loop_spawner().start(job)
            elif job.slots is None:
                self._runner.start(job)
            else:
                asyncio.run_coroutine_threadsafe(self._start_with_slots(job, job.slots), background_loop())
        except Exception as error:
            _crash(job, f"The task runner could not start it: {error}", error)

    async def _start_with_slots(self, job: TaskCall, slots: TagSlots) -> None:
        """Start a job of the pool once the slots that it needs are there: none of the pool's threads waits for them."""
        try:
            reason = await slots.take_async(wait=False)
            if reason is not None and not job.claimed:
                job.record(states.Pending(message=reason, occurred=job.world.backend.clock.now_us()), None)
                await slots.take_async(wait=True)
            self._runner.start(job)
        except asyncio.CancelledError:
            return  # the job was cancelled, which is recorded
        except Exception as error:
            _crash(job, str(error), error)

    def refuse_wait(self) -> None:
        """Raise BlockingInLoopError where waiting for a child would stop the flow's own loop."""
        if self._loop is not None and running_loop() is self._loop:
            raise BlockingInLoopError(
                "a submitted task run", "`future = task.submit(…)`, then `await future.wait_async()`"
            )

    def close(self) -> None:
        """Take no more jobs: the flow's function has returned, and all its children have ended."""
        self._closed = "its flow run has ended."

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

    async def wait_uncancelled(self) -> None:
        """Wait until no child is left however often this is cancelled meanwhile; pass the cancellation on then."""
        waiting = asyncio.ensure_future(self.wait_async())
        cancelled: asyncio.CancelledError | None = None
        # anyio's scopes cancel again and again until they are left, asyncio's tasks once for each call.
        with shielded():
            while not waiting.done():
                try:
                    await asyncio.wait([waiting])
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            raise cancelled

    def cancel(self, reason: str) -> int:
        """Cancel what has not begun, and the coroutines that have; return how many run in threads to their end."""
        self._closed = "its flow run is being cancelled."
        return self.interrupt(reason)

    def interrupt(self, reason: str) -> int:
        """Do the same from another thread, while the flow run may still submit jobs."""
        in_threads = 0
        for job in list(self._open.values()):
            job.cancelled = reason
            if job.claim():
                job.settle(states.Cancelled(message=reason))
            elif job.is_async:
                self._loop_spawner().cancel(job)
            else:
                in_threads += 1
        return in_threads


def _crash(job: TaskCall, message: str, error: Exception) -> None:
    """End a job that cannot be started: whoever waits for it would wait for ever."""
    if job.claim():
        job.settle(states.Crashed(message=message, data=error))


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
