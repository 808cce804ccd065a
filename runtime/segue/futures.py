"""Futures: what `submit` and `map` return, to be awaited in coroutines or waited for in plain code."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar

from segue import states
from segue.exceptions import BlockingInLoopError
from segue.states import State, StateDetails, StateType
from segue_events.forking import fork_safe_lock

R = TypeVar("R")
Callback = Callable[["TaskFuture[Any]"], object]

# Guards the hand-over between "done" and "call me when it is done" of every future. It is held for a few
# bytecodes, so one lock for all of them is cheaper than one in each of 100,000 futures.
_lock = fork_safe_lock()
_log = logging.getLogger("segue.futures")


class _ThisThread(threading.local):
    """What a future knows of the thread in which it is waited for."""

    # A pool sets it in its threads: one that waits lets another thread work in its place meanwhile.
    away: Callable[[], contextlib.AbstractContextManager[object]] = contextlib.nullcontext


this_thread = _ThisThread()


class TaskFuture(Generic[R]):
    """The outcome of a submitted task run, now or later.

    `await future` in a coroutine, `future.result()` in plain code; both return the task's value or raise its
    exception. Blocking on it in the thread of its flow's event loop is an error, since the loop could not go on.
    """

    __slots__ = ("__weakref__", "_callbacks", "_state", "_traceback", "loop", "name", "step_key", "task_run_id")

    def __init__(self, task_run_id: str, name: str = "", step_key: str = "") -> None:
        self.task_run_id = task_run_id
        self.name = name
        self.step_key = step_key
        # The event loop of the flow it belongs to; None for a plain flow, in which anybody may wait.
        self.loop: asyncio.AbstractEventLoop | None = None
        self._state: State[R] | None = None
        self._callbacks: list[Callback] = []
        self._traceback: TracebackType | None = None

    @property
    def state(self) -> State[R]:
        """The task run's final state; `Pending` until there is one."""
        state = self._state
        if state is None:
            return states.Pending()
        if state.details is None:
            # Whose state it is tells a state that a run came to from one made by hand.
            state.details = StateDetails(task_run_id=self.task_run_id)
        return state

    def done(self) -> bool:
        """Tell whether the task run has ended."""
        return self._state is not None

    def settle(self, state: State[R]) -> None:
        """Give the future its final state and call who waits for it; the engine does this, once."""
        if _raises(state):
            self._traceback = states.get_state_exception(state).__traceback__
        with _lock:
            self._state = state
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self._tell(callback)

    def add_done_callback(self, fn: Callback) -> None:
        """Call `fn(future)` when the task run has ended, in the thread that ended it; at once if it has.

        One that fails is logged; the others are still called.
        """
        with _lock:
            if self._state is None:
                self._callbacks.append(fn)
                return
        self._tell(fn)

    def remove_done_callback(self, fn: Callback) -> None:
        """Do not call `fn` any more; nothing happens if it was never to be called, or has been."""
        if self._state is None:
            with _lock, contextlib.suppress(ValueError):
                self._callbacks.remove(fn)

    def _tell(self, callback: Callback) -> None:
        try:
            callback(self)
        except Exception:
            _log.exception("A callback of task run %r failed: %r", self.name or self.task_run_id, callback)

    def wait(self, timeout: float | None = None) -> None:
        """Block this thread until the task run has ended, at most `timeout` seconds (TimeoutError is not raised)."""
        if self._state is not None:
            return
        refuse_in_loop([self], "await the future (`await future`)")
        ended = threading.Event()

        def tell(_: TaskFuture[Any]) -> None:
            ended.set()

        self.add_done_callback(tell)
        try:
            with this_thread.away():
                ended.wait(timeout)
        finally:
            self.remove_done_callback(tell)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        """Wait at most `timeout` seconds and return the task's value, or raise its exception.

        With `raise_on_failure=False` the exception is returned. Raises TimeoutError when it has not ended in time.
        """
        self.wait(timeout)
        return self._outcome(timeout, raise_on_failure)

    async def wait_async(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  as in `wait`
        """Wait in a coroutine until the task run has ended, at most `timeout` seconds."""
        if self._state is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._ended()

    async def result_async(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:  # noqa: ASYNC109  as in `wait`
        """Do in a coroutine what `result` does in plain code."""
        await self.wait_async(timeout)
        return self._outcome(timeout, raise_on_failure)

    def __await__(self) -> Generator[Any, None, R]:
        if self._state is None:
            yield from self._ended().__await__()
        return self._outcome()

    def _outcome(self, timeout: float | None = None, raise_on_failure: bool = True) -> R:
        state = self._state
        if state is None:
            raise TimeoutError(f"Task run {self.name or self.task_run_id!r} did not end within {timeout} s.")
        if raise_on_failure and _raises(state):
            # Each raise adds its frames to the exception, which is the same for all who ask: begin anew each time.
            raise states.get_state_exception(state).with_traceback(self._traceback)
        return state.result(raise_on_failure=raise_on_failure)

    async def _ended(self) -> None:
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()

        def tell() -> None:
            if not ended.done():
                ended.set_result(None)

        def call_loop(_: TaskFuture[Any]) -> None:
            if running_loop() is loop:
                tell()
            else:
                _call_soon(loop, tell)

        self.add_done_callback(call_loop)
        try:
            await ended
        finally:
            self.remove_done_callback(call_loop)

    def __repr__(self) -> str:
        return f"<TaskFuture {self.name or self.task_run_id}: {self.state!r}>"


class FutureList(list[TaskFuture[R]]):
    """The futures of a `map`, in the order of its items; awaiting it gives the list of results."""

    def wait(self, timeout: float | None = None) -> None:
        """Block until all have ended, at most `timeout` seconds."""
        wait(self, timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> list[R]:
        """Return every result in order, or raise the first exception; TimeoutError after `timeout` seconds."""
        left = wait(self, timeout).not_done
        if left:
            raise TimeoutError(f"{len(left)} of {len(self)} task runs did not end within {timeout} s.")
        return [future.result(raise_on_failure=raise_on_failure) for future in self]

    def __await__(self) -> Generator[Any, None, list[R]]:
        for future in self:
            if not future.done():
                yield from future.wait_async().__await__()
        return [future.result() for future in self]


class DoneAndNotDoneFutures(NamedTuple, Generic[R]):
    """What `wait` returns: the futures that have ended, and those that have not."""

    done: set[TaskFuture[R]]
    not_done: set[TaskFuture[R]]


def wait(futures: Iterable[TaskFuture[R]], timeout: float | None = None) -> DoneAndNotDoneFutures[R]:
    """Block until all futures have ended, at most `timeout` seconds (≥ 0), and tell which have."""
    waited = list(futures)
    _check_timeout(timeout)
    for _ in _arrivals([future for future in waited if not future.done()], timeout):
        pass
    return _sorted_out(waited)


async def wait_async(
    futures: Iterable[TaskFuture[R]],
    timeout: float | None = None,  # noqa: ASYNC109  as in `wait`
) -> DoneAndNotDoneFutures[R]:
    """Do in a coroutine what `wait` does in plain code."""
    waited = list(futures)
    _check_timeout(timeout)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            for future in waited:
                await future.wait_async()
    return _sorted_out(waited)


class as_completed(Generic[R]):
    """Iterate over futures in the order in which they end: with `for` in plain code, `async for` in coroutines.

    Raises TimeoutError when not all have ended `timeout` seconds (≥ 0) after the first was asked for.
    """

    def __init__(self, futures: Iterable[TaskFuture[R]], timeout: float | None = None) -> None:
        _check_timeout(timeout)
        self._futures = list(futures)
        self._timeout = timeout

    def __iter__(self) -> Iterator[TaskFuture[R]]:
        arrived = 0
        for future in _arrivals(self._futures, self._timeout):
            arrived += 1
            yield future
        if arrived < len(self._futures):
            raise self._late(arrived)

    async def __aiter__(self) -> AsyncIterator[TaskFuture[R]]:
        loop = asyncio.get_running_loop()
        ended: asyncio.Queue[TaskFuture[R]] = asyncio.Queue()

        def tell(future: TaskFuture[R]) -> None:
            _call_soon(loop, ended.put_nowait, future)

        for future in self._futures:
            future.add_done_callback(tell)
        deadline = None if self._timeout is None else loop.time() + self._timeout
        try:
            for arrived in range(len(self._futures)):
                try:
                    async with asyncio.timeout_at(deadline):
                        future = await ended.get()
                except TimeoutError:
                    raise self._late(arrived) from None
                yield future
        finally:
            for future in self._futures:
                future.remove_done_callback(tell)

    def _late(self, arrived: int) -> TimeoutError:
        left = len(self._futures) - arrived
        return TimeoutError(f"{left} of {len(self._futures)} task runs did not end within {self._timeout} s.")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread, or None."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def refuse_in_loop(futures: list[TaskFuture[Any]], instead: str) -> None:
    """Raise BlockingInLoopError when this thread runs the loop of one of the futures: a wait would stop it."""
    loop = running_loop()
    if loop is None:
        return
    for future in futures:
        if future.loop is loop:
            raise BlockingInLoopError(f"task run {future.name or future.task_run_id!r}", instead)


def _arrivals(futures: list[TaskFuture[R]], timeout: float | None) -> Iterator[TaskFuture[R]]:
    """Yield the futures as they end, until `timeout` seconds have gone by."""
    pending = [future for future in futures if not future.done()]
    refuse_in_loop(pending, "await the futures, or use `await wait_async(…)` or `async for … in as_completed(…)`")
    ended: SimpleQueue[TaskFuture[R]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    deadline = None if timeout is None else time.monotonic() + timeout
    try:
        for _ in futures:
            yield _next_of(ended, deadline)
    except Empty:
        return
    finally:
        for future in pending:
            future.remove_done_callback(ended.put)


def _next_of(ended: SimpleQueue[TaskFuture[R]], deadline: float | None) -> TaskFuture[R]:
    """Return what is in the queue, or will be before `deadline` (monotonic seconds); raises queue.Empty after it."""
    try:
        return ended.get_nowait()
    except Empty:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        with this_thread.away():
            return ended.get(timeout=left)


def _call_soon(loop: asyncio.AbstractEventLoop, fn: Callable[..., object], *args: Any) -> None:
    """Have the loop of another thread call `fn`; one that was closed meanwhile has nobody who would want to know."""
    try:
        loop.call_soon_threadsafe(fn, *args)
    except RuntimeError:
        if not loop.is_closed():
            raise


def _raises(state: State[Any]) -> bool:
    """Tell whether asking for the state's result raises what ended the run."""
    return state.type is not StateType.COMPLETED and state.is_final()


def _check_timeout(timeout: float | None) -> None:
    if timeout is not None and timeout < 0:
        raise ValueError(f"timeout must be 0 or more seconds, not {timeout!r}.")


def _sorted_out(futures: list[TaskFuture[R]]) -> DoneAndNotDoneFutures[R]:
    done = {future for future in futures if future.done()}
    return DoneAndNotDoneFutures(done, set(futures) - done)


# The names that flow files moved from Prefect use.
PrefectFuture = TaskFuture
PrefectFutureList = FutureList
