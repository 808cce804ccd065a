"""The two drivers of a life: one for coroutines, one for plain functions in the calling thread.

Each comes in two forms, for functions that return and for generators that yield. All four advance the life
to its next `Invoke`; what differs is only how the user's function is then called.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol

from segue.lifecycle import Command, Invoke, Life, Record
from segue.states import State


class Call(Protocol):
    """A run as its driver sees it."""

    def record(self, state: State[Any], kept: Any) -> None:
        """Make this the run's state."""
        ...

    def perform(self, command: Command) -> Any:
        """Do a command in plain code and return its answer."""
        ...

    async def perform_async(self, command: Command) -> Any:
        """Do a command in a coroutine and return its answer."""
        ...

    def invoke(self, command: Invoke) -> Any:
        """Call the user's plain function."""
        ...

    async def invoke_async(self, command: Invoke) -> Any:
        """Call the user's coroutine function."""
        ...

    def iterate(self, command: Invoke) -> Generator[Any, Any, Any]:
        """Yield what the user's generator yields, and return what it returns."""
        ...

    def iterate_async(self, command: Invoke) -> AsyncGenerator[Any, Any]:
        """Yield what the user's asynchronous generator yields."""
        ...


def drive(life: Life, call: Call) -> State[Any]:
    """Run a life in this thread; return its final state. Raises nothing of the user's."""
    step = _advance(life, call, None, None)
    while type(step) is Invoke:
        try:
            value, error = call.invoke(step), None
        except BaseException as raised:
            value, error = None, raised
        step = _advance(life, call, value, error)
    return step  # pyright: ignore[reportReturnType]


async def drive_async(life: Life, call: Call) -> State[Any]:
    """Run a life in this coroutine; return its final state. Raises nothing of the user's."""
    step = await _advance_async(life, call, None, None)
    while type(step) is Invoke:
        try:
            value, error = await call.invoke_async(step), None
        except BaseException as raised:
            value, error = None, raised
        step = await _advance_async(life, call, value, error)
    return step  # pyright: ignore[reportReturnType]


def drive_generator(life: Life, call: Call) -> Generator[Any, Any, State[Any]]:
    """Run a life whose function is a generator, passing on what it yields; return the final state.

    A consumer that stops early ends the run as a success.
    """
    step = _advance(life, call, None, None)
    while type(step) is Invoke:
        try:
            value, error = (yield from call.iterate(step)), None
        except GeneratorExit:
            _advance(life, call, None, None)
            raise
        except BaseException as raised:
            value, error = None, raised
        step = _advance(life, call, value, error)
    return step  # pyright: ignore[reportReturnType]


async def drive_async_generator(life: Life, call: Call, ended: list[State[Any]]) -> AsyncGenerator[Any, Any]:
    """Do the same for an asynchronous generator, which cannot return: the final state is put into `ended`."""
    step = await _advance_async(life, call, None, None)
    while type(step) is Invoke:
        error = None
        try:
            # Closed here and now, not some time later by the garbage collector.
            async with contextlib.aclosing(call.iterate_async(step)) as items:
                async for item in items:
                    yield item
        except GeneratorExit:
            await _advance_async(life, call, None, None)
            raise
        except BaseException as raised:
            error = raised
        step = await _advance_async(life, call, None, error)
    ended.append(step)  # pyright: ignore[reportArgumentType]


def _advance(life: Life, call: Call, reply: Any, error: BaseException | None) -> Invoke | State[Any]:
    """Answer the life and do what it says, until it wants the user's function called or is over."""
    while True:
        try:
            command = life.send(reply) if error is None else life.throw(error)
        except StopIteration as end:
            return end.value
        if type(command) is Invoke:
            return command
        reply = error = None
        try:
            if type(command) is Record:
                call.record(command.state, command.kept)
            else:
                reply = call.perform(command)
        except BaseException as raised:
            error = raised


async def _advance_async(life: Life, call: Call, reply: Any, error: BaseException | None) -> Invoke | State[Any]:
    while True:
        try:
            command = life.send(reply) if error is None else life.throw(error)
        except StopIteration as end:
            return end.value
        if type(command) is Invoke:
            return command
        reply = error = None
        try:
            # Recording is the same in plain code and in coroutines, and by far the most frequent.
            if type(command) is Record:
                call.record(command.state, command.kept)
            else:
                reply = await call.perform_async(command)
        except BaseException as raised:
            error = raised
