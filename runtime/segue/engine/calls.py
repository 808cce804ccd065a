"""A call: one run as its driver sees it; what flow runs and task runs have in common."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from functools import partial
from typing import Any, Generic, TypeVar

from segue import hooks
from segue.context import FlowRunContext, RunContext, TaskRunContext, World, current_run
from segue.definitions import FlowDefinition, TaskDefinition
from segue.engine.caching import Kept
from segue.engine.time_limits import call_within, time_limit_async
from segue.futures import TaskFuture, wait
from segue.inputs import LEAVES, returned_sources
from segue.keys import Scope, current_scope
from segue.lifecycle import ERROR, Ask, Command, Fire, Invoke, Keep, Lookup, Ready, Say, Sleep
from segue.logging import RunLogger, capture_prints
from segue.options import Hook
from segue.records import CacheEntry, FlowRun
from segue.states import State, StateDetails

D = TypeVar("D", FlowDefinition, TaskDefinition)
C = TypeVar("C", FlowRunContext, TaskRunContext)


class RunCall(ABC, Generic[D, C]):
    """One run: its definition, record and context, and how each command of its life is done."""

    __slots__ = ()

    definition: D
    run: Any
    world: World
    context: C
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    # What interrupted a hook after the run's end; raised to the caller.
    interruption: BaseException | None

    @abstractmethod
    def ready(self) -> str | None:
        """Wait for what the run depends on and put the results in place; return why it cannot begin, or None."""

    @abstractmethod
    async def ready_async(self) -> str | None:
        """Do in a coroutine what `ready` does in plain code."""

    @abstractmethod
    def record(self, state: State[Any], kept: Kept | None) -> None:
        """Make `state` the run's state and publish its event."""

    @abstractmethod
    def keep(self, state: State[Any], key: str | None) -> Kept | None:
        """Store the completed state's value where the options say; blocks on files."""

    @abstractmethod
    def reuse(self, entry: CacheEntry | None) -> State[Any] | None:
        """Return the Completed state that a cache entry stands for, or None when there is nothing to reuse."""

    @abstractmethod
    def logger(self) -> RunLogger:
        """Return the logger for what the engine itself has to say of this run."""

    @abstractmethod
    def scope(self) -> Scope:
        """Return a new scope for the steps called inside of the user's function."""

    def own(self, state: State[Any]) -> State[Any]:
        """Return the state, saying whose it is: a state that a run came to counts otherwise than one made by hand."""
        if state.details is None:
            is_flow = isinstance(self.run, FlowRun)
            state.details = StateDetails(flow_run_id=self.run.id) if is_flow else StateDetails(task_run_id=self.run.id)
        return state

    # --- the commands of a life ---

    def perform(self, command: Command) -> Any:
        """Do a command in plain code and return its answer."""
        match command:
            case Say(level, text):
                self.logger().log(level, "%s", text)
            case Sleep(seconds):
                self.world.backend.clock.block(seconds)
            case Ready():
                return self.ready()
            case Fire(functions, state):
                self._fire(functions, state)
            case Ask(condition, state):
                return self._asked(condition, state)
            case Lookup(key):
                return self.reuse(self.world.backend.cached(key).result())
            case Keep(state, key):
                return self.keep(state, key)
            case _:
                pass
        return None

    async def perform_async(self, command: Command) -> Any:
        """Do a command in a coroutine and return its answer."""
        match command:
            case Sleep(seconds):
                await self.world.backend.clock.sleep(seconds)
            case Ready():
                return await self.ready_async()
            case Fire(functions, state):
                await self._fire_async(functions, state)
            case Ask(condition, state):
                answer = self._asked(condition, state, run_coroutines=False)
                return await self._awaited(answer) if inspect.isawaitable(answer) else answer
            case Lookup(key):
                entry = await asyncio.wrap_future(self.world.backend.cached(key))
                return await asyncio.to_thread(self.reuse, entry) if entry is not None else None
            case Keep(state, key):
                return await asyncio.to_thread(self.keep, state, key)
            case _:
                return self.perform(command)
        return None

    def _fire(self, functions: tuple[Hook, ...], state: State[Any]) -> None:
        try:
            with self.inside(self._hook_scope(state)):
                hooks.fire(functions, self.definition, self.run, state, self.logger())
        except BaseException as error:
            self._interrupted(state, error)

    async def _fire_async(self, functions: tuple[Hook, ...], state: State[Any]) -> None:
        try:
            with self.inside(self._hook_scope(state)):
                await hooks.fire_async(functions, self.definition, self.run, state, self.logger())
        except BaseException as error:
            self._interrupted(state, error)

    def _hook_scope(self, state: State[Any]) -> Scope:
        """Return the scope of the steps that hooks call, apart from those of the function."""
        return Scope(f"{self.scope().path}on-{state.type.value.lower()}/")

    def _interrupted(self, state: State[Any], error: BaseException) -> None:
        """What interrupts a hook before the end crashes the run; after it, the run stays as it ended, and the caller
        is interrupted."""
        if not state.is_final():
            raise error
        self.interruption = error

    def _asked(self, condition: Any, state: State[Any], run_coroutines: bool = True) -> Any:
        try:
            answer = condition(self.definition, self.run, state)
            if run_coroutines and inspect.iscoroutine(answer):
                answer = hooks.run_coroutine(answer)
            return answer if inspect.isawaitable(answer) else bool(answer)
        except Exception:
            self.logger().log(ERROR, "retry_condition_fn failed, so there is no retry", exc_info=True)
            return False

    async def _awaited(self, answer: Any) -> bool:
        try:
            return bool(await answer)
        except Exception:
            self.logger().log(ERROR, "retry_condition_fn failed, so there is no retry", exc_info=True)
            return False

    # --- calling the user's function ---

    def inside(self, scope: Scope | None = None) -> Inside:
        """Return a context manager that makes this run the one that code finds itself in."""
        return Inside(self.context, scope or self.scope())

    def invoke(self, command: Invoke) -> Any:
        """Call the user's plain function within its time limit."""
        with self.inside():
            return call_within(self.definition.options.timeout_seconds, self.call_function)

    async def invoke_async(self, command: Invoke) -> Any:
        """Call the user's coroutine function within its time limit."""
        seconds = self.definition.options.timeout_seconds
        with self.inside():
            if seconds is None:
                return await self.call_function_async()
            async with time_limit_async(seconds):
                return await self.call_function_async()

    def call_function(self) -> Any:
        """Call the user's plain function; futures that it returns have ended when this returns."""
        value = self.definition.fn(*self.args, **self.kwargs)
        if type(value) not in LEAVES:
            wait([source for source in returned_sources(value) if isinstance(source, TaskFuture)])
        return value

    async def call_function_async(self) -> Any:
        """Call the user's coroutine function; futures that it returns have ended when this returns."""
        value = await self.definition.fn(*self.args, **self.kwargs)
        if type(value) not in LEAVES:
            for source in returned_sources(value):
                if isinstance(source, TaskFuture):
                    await source.wait_async()
        return value

    def iterate(self, command: Invoke) -> Generator[Any, Any, Any]:
        """Yield what the user's generator yields, each step inside of the run; return what it returns.

        The time limit is that of each step. What is sent or thrown in reaches the user's generator.
        """
        scope = self.scope()
        seconds = self.definition.options.timeout_seconds
        with self.inside(scope):
            generator = self.definition.fn(*self.args, **self.kwargs)
        step = partial(next, generator)
        try:
            while True:
                with self.inside(scope):
                    try:
                        item = call_within(seconds, step)
                    except StopIteration as end:
                        return end.value
                command.streamed = True
                try:
                    step = partial(generator.send, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step = partial(generator.throw, error)
        finally:
            with self.inside(scope):
                generator.close()

    async def iterate_async(self, command: Invoke) -> AsyncGenerator[Any, Any]:
        """Do the same for the user's asynchronous generator."""
        scope = self.scope()
        seconds = self.definition.options.timeout_seconds
        with self.inside(scope):
            generator = self.definition.fn(*self.args, **self.kwargs)
        step = partial(anext, generator)
        try:
            while True:
                with self.inside(scope):
                    async with time_limit_async(seconds):
                        try:
                            item = await step()
                        except StopAsyncIteration:
                            return
                command.streamed = True
                try:
                    step = partial(generator.asend, (yield item))
                except GeneratorExit:
                    raise
                except BaseException as error:
                    step = partial(generator.athrow, error)
        finally:
            with self.inside(scope):
                await generator.aclose()


class Inside:
    """The `with` that makes a run the one that code finds itself in; a class, since it is entered for every run."""

    __slots__ = ("_context", "_run_token", "_scope", "_scope_token")

    def __init__(self, context: RunContext, scope: Scope) -> None:
        self._context = context
        self._scope = scope

    def __enter__(self) -> None:
        if self._context.log_prints:
            capture_prints()
        self._run_token = current_run.set(self._context)
        self._scope_token = current_scope.set(self._scope)

    def __exit__(self, *_: object) -> None:
        current_scope.reset(self._scope_token)
        current_run.reset(self._run_token)
