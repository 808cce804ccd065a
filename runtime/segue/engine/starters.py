"""How a call begins: by its function's kind, as a value, a coroutine, a generator or an asynchronous generator."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Protocol

from segue.definitions import FunctionKind
from segue.engine.outcomes import error_of
from segue.states import State


class Startable(Protocol):
    """A call that can be run in place, in each of the four ways."""

    @property
    def interruption(self) -> BaseException | None:
        """What interrupted a hook after the run's end."""
        ...

    def own(self, state: State[Any]) -> State[Any]:
        """Return the state, saying whose it is."""
        ...

    def run_plain(self) -> State[Any]:
        """Run a plain function's call."""
        ...

    async def run_async(self) -> State[Any]:
        """Run a coroutine function's call."""
        ...

    def run_generator(self) -> Generator[Any, Any, State[Any]]:
        """Run a generator function's call."""
        ...

    def run_async_generator(self, ended: list[State[Any]]) -> AsyncGenerator[Any, Any]:
        """Run an asynchronous generator function's call."""
        ...


def start(kind: FunctionKind, call: Startable, return_state: bool) -> Any:
    """Return what calling the user's function would: its value, a coroutine, or a generator."""
    return _STARTERS[kind](call, return_state)


def _run(call: Startable, return_state: bool) -> Any:
    state = call.run_plain()
    error = call.interruption or error_of(state, return_state)
    if error is not None:
        raise error
    return call.own(state) if return_state else state.data


async def _run_async(call: Startable, return_state: bool) -> Any:
    state = await call.run_async()
    error = call.interruption or error_of(state, return_state)
    if error is not None:
        raise error
    return call.own(state) if return_state else state.data


def _generate(call: Startable, return_state: bool) -> Generator[Any, Any, Any]:
    state = yield from call.run_generator()
    error = call.interruption or error_of(state, return_state)
    if error is not None:
        raise error
    return call.own(state) if return_state else state.data


async def _generate_async(call: Startable, return_state: bool) -> AsyncGenerator[Any, Any]:
    ended: list[State[Any]] = []
    async with contextlib.aclosing(call.run_async_generator(ended)) as items:
        async for item in items:
            yield item
    error = call.interruption or error_of(ended[0], return_state)
    if error is not None:
        raise error


_STARTERS: dict[FunctionKind, Callable[[Startable, bool], Any]] = {
    FunctionKind.PLAIN: _run,
    FunctionKind.COROUTINE: _run_async,
    FunctionKind.GENERATOR: _generate,
    FunctionKind.ASYNC_GENERATOR: _generate_async,
}
