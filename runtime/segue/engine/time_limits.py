"""Time limits on the user's functions: coroutines, the main thread's plain functions, and other threads'.

Limits lie within each other: a flow's around those of the tasks that it calls. The limits of a thread form a chain,
and each tells by the clock whether it was reached. So one kind of exception serves for all of them: it passes
through every function inside, whose runs it ends, up to the limit that it is for.

An interruption can come between any two steps of Python's in the limited thread, also while a limit is being put
up or taken down. Hence no lock is taken there that a second attempt could not take again, everything done at the
end may be done twice, and an outer limit takes down what an inner one has left.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterator
from functools import cache
from math import inf
from time import monotonic
from types import FrameType
from typing import Any, TypeVar

from segue.lifecycle import TimeLimitReached

T = TypeVar("T")

# Timers take no more than some years at once; a longer wait is begun anew when one has passed.
_LONGEST_WAIT = 1e6
_SHORTEST_WAIT = 1e-6


class Interrupted(BaseException):
    """Raised inside of the user's plain function when its time, or that of a run around it, is up."""

    def __init__(self) -> None:
        super().__init__("The time limit of a run around it was reached.")


@contextlib.asynccontextmanager
async def time_limit_async(seconds: float | None) -> AsyncGenerator[None]:
    """Cancel what runs inside after `seconds` and raise TimeLimitReached, whatever was made of the cancellation.

    A TimeoutError of the code's own passes.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except Exception as error:
        if not limit.expired():
            raise
        raise TimeLimitReached from (None if isinstance(error, TimeoutError) else error)
    if limit.expired():
        raise TimeLimitReached


def call_within(seconds: float | None, fn: Callable[[], T]) -> T:
    """Return what `fn` returns; interrupt it after `seconds` and raise TimeLimitReached, whatever it made of that.

    In the main thread a signal interrupts even a blocking call. In another thread the interruption arrives at
    the next bytecode: a call that blocks in C ends first, and the limit is only then noticed. Raises Interrupted
    when a limit around this one was reached.
    """
    if seconds is None:
        return fn()
    limit = _limit(seconds)
    try:
        try:
            limit.begin()
            value = fn()
        finally:
            limit.end()
    except BaseException as error:
        # The interruption itself may have kept `end` from ending; it comes once only.
        limit.end()
        limit.check(error)
        raise
    limit.check(None)
    return value


class _Limit(ABC):
    """One limit; `around` is the next outer one of its thread."""

    __slots__ = ("around", "deadline", "over", "told")

    def __init__(self, seconds: float, around: _Limit | None) -> None:
        self.around = around
        self.deadline = monotonic() + seconds
        self.over = False
        self.told = False

    def begin(self) -> None:
        """From here on the thread is interrupted when the time is up."""
        _here.limit = self
        self.open()

    def end(self) -> None:
        """From here on it is not, by this limit or by one inside of it; may be called again when interrupted."""
        limit = _here.limit
        while limit is not None and limit is not self.around:
            limit.over = True
            limit.close()
            limit = limit.around
        _here.limit = self.around

    def check(self, error: BaseException | None) -> None:
        """Raise what the limits demand, given what was raised inside; keep still where that may stand."""
        if error is not None and not isinstance(error, (Exception, Interrupted)):
            return
        now = monotonic()
        if any(limit.deadline <= now for limit in _outwards(self.around)):
            if isinstance(error, Interrupted):
                return
            raise Interrupted from error
        if self.deadline <= now:
            raise TimeLimitReached from (None if isinstance(error, Interrupted) else error)

    @abstractmethod
    def open(self) -> None:
        """Set up the interruption."""

    @abstractmethod
    def close(self) -> None:
        """Take it down; may be done twice."""


def _outwards(limit: _Limit | None) -> Iterator[_Limit]:
    while limit is not None:
        yield limit
        limit = limit.around


def _limit(seconds: float) -> _Limit:
    around = _here.limit
    if isinstance(around, _AlarmLimit):
        return _AlarmLimit(seconds, around, around.alarm)
    in_main = threading.current_thread() is threading.main_thread()
    # A handler that is not Python's could not be put back.
    if in_main and hasattr(signal, "setitimer") and signal.getsignal(signal.SIGALRM) is not None:
        return _AlarmLimit(seconds, around, _Alarm())
    return _ThreadLimit(seconds, around)


# --- the main thread ---


class _Alarm:
    """The process's one alarm clock, for the limits of the main thread and for the user's own timer around them."""

    __slots__ = ("before", "interval", "taken", "users")

    def __init__(self) -> None:
        self.before: Any = None
        self.taken = False
        self.users = inf
        self.interval = 0.0

    def take(self) -> None:
        """Take the clock over from the user."""
        self.before = signal.getsignal(signal.SIGALRM)
        delay, self.interval = signal.getitimer(signal.ITIMER_REAL)
        if delay:
            self.users = monotonic() + delay
        self.taken = True
        signal.signal(signal.SIGALRM, self.ring)

    def give_back(self) -> None:
        """Give the clock back, with what the user's timer has left."""
        if not self.taken:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)
        if self.users < inf:
            signal.setitimer(signal.ITIMER_REAL, max(self.users - monotonic(), _SHORTEST_WAIT), self.interval)
        self.taken = False

    def arm(self) -> None:
        """Set the clock to whatever is due first."""
        waiting = [limit.deadline for limit in _outwards(_here.limit) if not (limit.told or limit.over)]
        wait = min(self.users, *waiting, inf) - monotonic()
        signal.setitimer(signal.ITIMER_REAL, 0 if wait == inf else min(max(wait, _SHORTEST_WAIT), _LONGEST_WAIT))

    def ring(self, number: int, frame: FrameType | None) -> None:
        """Interrupt the main thread if a limit is due, and call the user's handler if the user's timer is."""
        now = monotonic()
        due = [limit for limit in _outwards(_here.limit) if limit.deadline <= now and not (limit.told or limit.over)]
        for limit in due:
            limit.told = True
        is_users = self.users <= now
        if is_users:
            self.users = now + self.interval if self.interval else inf
        self.arm()
        if is_users:
            self._ring_users(number, frame)
        if due:
            raise Interrupted

    def _ring_users(self, number: int, frame: FrameType | None) -> None:
        if callable(self.before):
            self.before(number, frame)
        elif self.before is signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)


class _AlarmLimit(_Limit):
    """A limit of the main thread."""

    __slots__ = ("alarm",)

    def __init__(self, seconds: float, around: _Limit | None, alarm: _Alarm) -> None:
        super().__init__(seconds, around)
        self.alarm = alarm

    def open(self) -> None:
        if not self.alarm.taken:
            self.alarm.take()
        self.alarm.arm()

    def close(self) -> None:
        # The clock of an inner limit may still ring: then nothing is due, and it is set anew.
        if not isinstance(self.around, _AlarmLimit):
            self.alarm.give_back()


# --- other threads ---


class _ThreadLimit(_Limit):
    """A limit of another thread; the timer's thread interrupts it."""

    __slots__ = ("lock", "raise_in", "thread")

    def __init__(self, seconds: float, around: _Limit | None) -> None:
        super().__init__(seconds, around)
        self.thread = threading.get_ident()
        self.raise_in = raiser()
        # Whoever has the lock decides whether there is an interruption; at the end the limited thread keeps it.
        self.lock = threading.RLock()

    def open(self) -> None:
        _timer.watch(self)

    def close(self) -> None:
        self.lock.acquire()
        # An interruption that has not arrived yet is not to arrive in what comes after. If it was an outer
        # limit's, `check` raises it again.
        self.raise_in(self.thread, None)

    def interrupt(self) -> None:
        """Interrupt the limited thread, unless the limit is over; called in the timer's thread."""
        if self.lock.acquire(blocking=False):
            self.raise_in(self.thread, Interrupted)
            self.lock.release()


@cache
def raiser() -> Callable[[int, type[BaseException] | None], None]:
    """Return what has an exception raised at a thread's next bytecode, or with None takes that back."""
    # Only limits of threads need it, and it takes milliseconds to import.
    import ctypes  # noqa: PLC0415

    def raise_in(thread: int, exception: type[BaseException] | None) -> None:
        raised = None if exception is None else ctypes.py_object(exception)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)

    return raise_in


class _Timer:
    """One thread for the limits of all others."""

    def __init__(self) -> None:
        # Its `put` is one step: an interruption comes before it or after it.
        self._inbox: queue.SimpleQueue[_ThreadLimit] = queue.SimpleQueue()
        self._starting = threading.Lock()
        self._started = False

    def watch(self, limit: _ThreadLimit) -> None:
        """Have the limit's thread interrupted at its deadline."""
        self._inbox.put(limit)
        if not self._started:
            with self._starting:
                if not self._started:
                    self._started = True
                    threading.Thread(target=self._run, name="segue-time-limits", daemon=True).start()

    def _run(self) -> None:
        watched: list[_ThreadLimit] = []
        while True:
            now = monotonic()
            for limit in watched:
                if limit.deadline <= now:
                    limit.interrupt()
            watched = [limit for limit in watched if limit.deadline > now and not limit.over]
            first = min((limit.deadline for limit in watched), default=inf)
            with contextlib.suppress(queue.Empty):
                watched.append(self._inbox.get(timeout=min(max(first - monotonic(), 0), _LONGEST_WAIT)))


class _Here(threading.local):
    """The innermost limit of each thread."""

    limit: _Limit | None = None


def _begin_anew() -> None:
    """A forked process has none of its parent's timers and threads, and so none of its limits."""
    global _here, _timer
    _here, _timer = _Here(), _Timer()


_here = _Here()
_timer = _Timer()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
