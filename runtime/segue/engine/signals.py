"""SIGTERM while a flow runs: the run ends as Crashed and is recorded, then the process ends by the signal."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Generator
from types import FrameType

from segue.exceptions import TerminationSignal
from segue.futures import running_loop


@contextlib.contextmanager
def termination(noticed: Callable[[], None]) -> Generator[None]:
    """Let SIGTERM interrupt the code inside; `noticed` is called when it comes.

    Plain code is interrupted by TerminationSignal, a coroutine by its cancellation. A program that has a
    handler of its own keeps it, and only the main thread can have one at all.
    """
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        noticed()
        if task is None:
            raise TerminationSignal(signal.SIGTERM)
        assert loop is not None
        loop.call_soon_threadsafe(task.cancel)

    loop = running_loop()
    task = None if loop is None else asyncio.current_task()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
