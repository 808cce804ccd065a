"""Time limits on the user's functions: coroutines, the main thread's plain functions, and other threads'."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import signal
import threading
from collections.abc import AsyncGenerator, Generator

from segue.lifecycle import TimeLimitReached


class _Interrupt(Exception):
    """Raised inside of the user's plain function when its time is up."""


@contextlib.asynccontextmanager
async def time_limit_async(seconds: float | None) -> AsyncGenerator[None]:
    """Cancel what runs inside after `seconds` and raise TimeLimitReached; a TimeoutError of its own passes."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise TimeLimitReached from None
        raise


@contextlib.contextmanager
def time_limit(seconds: float | None) -> Generator[None]:
    """Interrupt the plain code inside after `seconds` and raise TimeLimitReached.

    In the main thread a signal interrupts even a blocking call. In another thread the exception arrives at
    the next bytecode: a call that blocks in C ends first, and the limit is only then noticed.
    """
    if seconds is None:
        yield
        return
    in_main = threading.current_thread() is threading.main_thread()
    limit = _alarm if in_main and hasattr(signal, "setitimer") else _asynchronous_exception
    try:
        with limit(seconds):
            yield
    except _Interrupt:
        raise TimeLimitReached from None


@contextlib.contextmanager
def _alarm(seconds: float) -> Generator[None]:
    def interrupt(*_: object) -> None:
        raise _Interrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    outer_delay, outer_interval = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        # An outer limit goes on with what it had left; the little that passed inside is granted to it.
        signal.setitimer(signal.ITIMER_REAL, outer_delay, outer_interval)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def _asynchronous_exception(seconds: float) -> Generator[None]:
    thread_id = threading.get_ident()
    lock = threading.Lock()
    over = False

    def interrupt() -> None:
        with lock:
            if not over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(_Interrupt))

    timer = threading.Timer(seconds, interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
        timer.cancel()
