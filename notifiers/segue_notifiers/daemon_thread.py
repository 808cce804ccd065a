"""A blocking call in a daemon thread of its own, which may hang without keeping the process."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def call_in_daemon_thread(fn: Callable[[], T], name: str) -> Future[T]:
    """Start `fn` and return a future of what it returns or raises.

    Threads of a pool will not do: the interpreter waits for them at its end, and nothing stops one that hangs.
    """
    future: Future[T] = Future()
    # A future that runs cannot be cancelled, so one who waits for it and is cancelled leaves it whole.
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(fn())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
