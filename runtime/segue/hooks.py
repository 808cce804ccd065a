"""Hooks: the user's functions that are called when a run enters a state."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Coroutine
from logging import Logger, LoggerAdapter
from typing import Any

from segue.options import Hook

Log = Logger | LoggerAdapter[Any]


def fire(hooks: tuple[Hook, ...], subject: Any, run: Any, state: Any, log: Log) -> None:
    """Call each hook with (flow or task, run, state), in order; one that fails is logged, the others still run."""
    for hook in hooks:
        try:
            answer = hook(subject, run, state)
            if inspect.iscoroutine(answer):
                run_coroutine(answer)
        except Exception:
            _log_failure(log, hook)


async def fire_async(hooks: tuple[Hook, ...], subject: Any, run: Any, state: Any, log: Log) -> None:
    """Do the same in a coroutine: hooks that are coroutine functions are awaited."""
    for hook in hooks:
        try:
            answer = hook(subject, run, state)
            if inspect.isawaitable(answer):
                await answer
        except Exception:
            _log_failure(log, hook)


def run_coroutine(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end from plain code and return what it returns, also where a loop runs already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    # The loop of this thread cannot be re-entered: another thread has one for the time being.
    outcome: list[Any] = []
    failure: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(asyncio.run(coroutine))
        except BaseException as error:
            failure.append(error)

    # It finds itself in the same run there.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), name="segue-hook")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]


def _log_failure(log: Log, hook: Hook) -> None:
    name = getattr(hook, "__name__", repr(hook))
    log.exception("An error was encountered while running hook '%s'", name)
