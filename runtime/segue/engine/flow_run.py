"""One flow run: parameters, children, attempts, result."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from random import SystemRandom
from typing import Any

from msgspec import UNSET

from segue import run_events, states
from segue.canonical import digest_of_call
from segue.context import FlowRunContext, current_run, current_tags, flow_context_of
from segue.definitions import FlowDefinition
from segue.engine.assignment import take_over
from segue.engine.caching import Keeping, Kept, inline, keeping_of_flow
from segue.engine.calls import Inside, RunCall
from segue.engine.children import FlowChildren
from segue.engine.drivers import drive, drive_async, drive_async_generator, drive_generator
from segue.engine.shielding import shielded
from segue.engine.signals import end_if_last, termination
from segue.engine.stopping import StoppableInside, Stopping
from segue.engine.world import world_of
from segue.exceptions import (
    CancellationRequested,
    CancelledRun,
    JournalNotRecorded,
    NotCanonical,
    ParameterTypeError,
    TerminationSignal,
)
from segue.inputs import blocked_by, final_state, find_upstream, open_futures, resolved
from segue.keys import Scope, current_scope, install_scopes
from segue.lifecycle import Command, Invoke, Life, Plan, Ready, Sleep, crash_message, flow_life
from segue.logging import RunLogger, run_logger
from segue.names import run_name, slug
from segue.parameters import record as recorded
from segue.records import CacheEntry, FlowRun
from segue.requests import Request
from segue.run_events import Inline
from segue.states import State, StateType
from segue.task_runners import TaskRunner, ThreadPoolTaskRunner
from segue_events import JournalError, new_id

_random = SystemRandom()  # a forked process draws its own numbers
_HOST = os.uname().nodename


class FlowCall(RunCall[FlowDefinition, FlowRunContext]):
    """A flow run, from its parameters to its outcome."""

    __slots__ = (
        "args",
        "children",
        "context",
        "definition",
        "ended_by",
        "interruption",
        "invalid",
        "keeping",
        "kwargs",
        "parameters",
        "parent",
        "run",
        "signals",
        "stopping",
        "upstream",
        "world",
    )

    run: FlowRun

    def __init__(
        self, flow: FlowDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Iterable[Any] | None
    ) -> None:
        parent = current_run.get()
        self.definition = flow
        if flow.bound:
            args = (*flow.bound, *args)
        self.args = args
        self.kwargs = kwargs
        self.parent = parent
        self.world = world_of(parent)
        self.parameters = flow.parameters.bind(args, kwargs)
        self.upstream = find_upstream(self.parameters.values())
        if wait_for is not None:
            self.upstream += find_upstream(wait_for)
        self.invalid: str | None = None
        self.keeping: Keeping | None = None
        self.interruption: BaseException | None = None
        # The signal that a cancellation comes from, if it comes from one.
        self.ended_by: BaseException | None = None
        self.signals: termination | None = None
        self.stopping = Stopping(flow.kind.is_async)
        self.children: FlowChildren | None = None
        self.run = self._identified(flow_context_of(parent))
        deployment = take_over(self.run) if parent is None else None
        self.context = FlowRunContext(flow, self.run, self.world, parent)
        if deployment is not None:
            self.context.deployment = deployment

    def _identified(self, above: FlowRunContext | None) -> FlowRun:
        """Make the run's record. A subflow's id follows from its parent and its step key: the same in every life."""
        flow = self.definition
        run_id = new_id()
        root_id = run_id
        if above is not None:
            root_id = above.flow_run.root_id
            scope = current_scope.get() or Scope()
            try:
                inputs = digest_of_call(flow.name, self.parameters)
            except NotCanonical:
                inputs = ""
            step = f"{scope.path}/{flow.name}#{inputs}#{scope.ordinal(inputs or flow.name)}"
            # Another attempt of what it was called in makes another run of it.
            attempts = f"{above.flow_run.run_count}.{self.parent.run.run_count if self.parent is not None else 0}"
            run_id = str(uuid.uuid5(uuid.UUID(above.flow_run.id), f"{step}@{attempts}"))
        return FlowRun(
            id=run_id,
            name=slug(_random),
            flow_name=flow.name,
            flow_version=flow.version,
            parameters=self.parameters,
            tags=tuple(sorted(current_tags.get())),
            parent_id="" if self.parent is None else self.parent.run.id,
            root_id=root_id,
            pid=os.getpid(),
            host=_HOST,
            entrypoint=flow.entrypoint,
        )

    # --- its life ---

    def begin(self) -> None:
        """Resolve and validate the parameters, name the run, and publish that it exists."""
        if self.upstream and blocked_by(self.upstream) is None:
            self.parameters = {name: resolved(value) for name, value in self.parameters.items()}
        if self.definition.options.validate_parameters:
            self._validate()
        self.run.parameters = self._own_parameters()
        if self.definition.options.flow_run_name is not None and self.invalid is None:
            self.run.name = run_name(self.definition.options.flow_run_name, self.parameters, "flow_run_name")
        self.args, self.kwargs = self.definition.parameters.call_args(self.parameters)
        self.run.created = self.world.backend.clock.now_us()
        self.world.backend.publish(run_events.flow_run_pending(self.run, recorded(self.run.parameters)))

    def _own_parameters(self) -> dict[str, Any]:
        """Return the parameters without a method's object, which is none of the run's."""
        if not self.definition.bound:
            return self.parameters
        return {name: self.parameters[name] for name in self.definition.parameters.names[1:]}

    def _validate(self) -> None:
        parameters = self.definition.parameters
        if parameters.needs_validation:
            try:
                self.parameters = parameters.validate(self.parameters)
            except ParameterTypeError as error:
                self.invalid = f"ParameterTypeError: {error}"

    def life(self) -> Life:
        """Return the life of this run."""
        options, settings = self.definition.options, self.world.settings
        self.keeping = keeping_of_flow(self.context)
        plan = Plan(
            now=self.world.backend.clock.now_us,
            random=_random,
            retries=self.definition.policy(settings.flows_default_retries, settings.flows_default_retry_delay_seconds),
            depends=bool(self.upstream),
            may_retry=self._may_retry,
            persist=self.keeping is not None,
            crash=self._crash,
            final_state=final_state,
        )
        return flow_life(options, plan, self.invalid)

    def _crash(self, error: BaseException) -> State[Any] | None:
        """A signal and a request reach a coroutine as its cancellation: tell the one from the other."""
        if not isinstance(error, (asyncio.CancelledError, CancellationRequested)):
            return None
        if self.ended_by is not None:
            return states.Crashed(message=crash_message(self.ended_by))
        above = flow_context_of(self.parent)
        reason = None if above is None else above.stopped
        if reason is not None:
            # The run that is asked to stop is further out: its function is to be ended by the same exception.
            return states.Cancelled(message=reason)
        reason = self.context.cancelled
        return None if reason is None else states.Cancelled(message=reason, data=CancelledRun(reason))

    def _told(self, request: Request) -> None:
        """Hear that somebody asks this run to stop; from another thread, as a rule."""
        self.context.cancelled = request.sentence
        self.stopping.ask()
        children = self.children
        if children is not None and not self.definition.kind.is_async:
            # The function may wait for them, which in most threads nothing can interrupt.
            children.interrupt(request.sentence)

    def _may_retry(self) -> bool:
        return self.context.stopped is None

    # --- what its life says ---

    def ready(self) -> str | None:
        """Return why the run cannot begin, or None; its upstream runs have ended before it was made known."""
        return blocked_by(self.upstream)

    async def ready_async(self) -> str | None:
        """Do in a coroutine what `ready` does in plain code."""
        return self.ready()

    def record(self, state: State[Any], kept: Kept | None) -> None:
        """Make `state` the run's state and publish its event, with the value where that is small and plain."""
        self.run.enter(state)
        if state.is_final():
            self.stopping.over()
        result: Inline = UNSET
        if state.type is StateType.COMPLETED and (kept is None or kept.ref is None):
            result = inline(state.data, self.world.settings.results_inline_limit)
        self.world.backend.publish(run_events.flow_run_state(self.run, state, result, kept))

    def keep(self, state: State[Any], key: str | None) -> Kept | None:
        """Store the completed state's value where the flow's options say; blocks on files."""
        return None if self.keeping is None else self.keeping.keep(self.world, {}, state.data, key)

    def reuse(self, entry: CacheEntry | None) -> State[Any] | None:
        """Return None: the results of flow runs are not cached."""
        return None

    def logger(self) -> RunLogger:
        """Return the logger for what the engine itself has to say of this run."""
        return run_logger(self.context)

    def scope(self) -> Scope:
        """Return the scope of the flow's own steps; each attempt begins a new one."""
        return Scope()

    # --- what can be stopped ---

    def inside(self, scope: Scope | None = None) -> Inside:
        """Return a context manager that makes this run the one that code finds itself in, until it is stopped."""
        return StoppableInside((self.context, scope or self.scope()), self.stopping)

    def perform(self, command: Command) -> Any:
        """Do a command in plain code and return its answer."""
        if isinstance(command, Sleep | Ready):
            with self.stopping:
                return super().perform(command)
        return super().perform(command)

    async def perform_async(self, command: Command) -> Any:
        """Do a command in a coroutine and return its answer."""
        if isinstance(command, Sleep | Ready):
            with self.stopping:
                return await super().perform_async(command)
        return await super().perform_async(command)

    # --- calling the function, with children around it ---

    def call_function(self) -> Any:
        """Call the user's plain function; its children have ended when this returns or raises."""
        with self._open_children() as children:
            value = super().call_function()
            children.wait()
            return value

    async def call_function_async(self) -> Any:
        """Call the user's coroutine function; its children have ended when this returns or raises."""
        async with self._open_children_async() as children:
            value = await super().call_function_async()
            await children.wait_async()
            return value

    def iterate(self, command: Invoke) -> Generator[Any, Any, Any]:
        """Yield what the user's generator yields; its children have ended when it has."""
        with self._open_children() as children:
            value = yield from super().iterate(command)
            children.wait()
            return value

    async def iterate_async(self, command: Invoke) -> AsyncGenerator[Any, Any]:
        """Yield what the user's asynchronous generator yields; its children have ended when it has."""
        async with (
            self._open_children_async() as children,
            contextlib.aclosing(super().iterate_async(command)) as items,
        ):
            async for item in items:
                yield item
            await children.wait_async()

    @contextlib.contextmanager
    def _open_children(self) -> Generator[FlowChildren]:
        with self._new_runner() as runner:
            children = self.children = self.context.children = FlowChildren(runner, None)
            try:
                yield children
            except BaseException:
                self._cancel(children)
                children.wait()
                raise
            finally:
                children.close()

    @contextlib.asynccontextmanager
    async def _open_children_async(self) -> AsyncGenerator[FlowChildren]:
        loop = self.context.loop = asyncio.get_running_loop()
        install_scopes(loop)
        with self._new_runner() as runner:
            children = self.children = self.context.children = FlowChildren(runner, loop)
            try:
                yield children
            except BaseException:
                self._cancel(children)
                await children.wait_uncancelled()
                raise
            finally:
                children.close()

    def _new_runner(self) -> TaskRunner:
        runner = self.definition.options.task_runner
        return ThreadPoolTaskRunner() if runner is None else runner.duplicate()

    def _cancel(self, children: FlowChildren) -> None:
        stubborn = children.cancel("The flow run ended before this task run did.")
        if stubborn:
            text = "%d task runs are in threads, which cannot be stopped; the flow run waits for them to end"
            self.logger().warning(text, stubborn)

    # --- called in place ---

    def run_plain(self) -> State[Any]:
        """Run from its first state to its last in this thread; the outermost run is recorded in full on return."""
        self._wait_upstream()
        with self._listening():
            with self._known():
                state = drive(self.life(), self)
            self._flush()
        return state

    async def run_async(self) -> State[Any]:
        """Run from its first state to its last in this coroutine; the outermost run is recorded in full on return."""
        await self._wait_upstream_async()
        with self._listening():
            with self._known():
                state = await drive_async(self.life(), self)
            await self._flush_async()
        return state

    def run_generator(self) -> Generator[Any, Any, State[Any]]:
        """Run a generator's flow from its first state to its last, passing on what it yields."""
        self._wait_upstream()
        with self._listening():
            try:
                with self._known():
                    return (yield from drive_generator(self.life(), self))
            finally:
                self._flush()

    async def run_async_generator(self, ended: list[State[Any]]) -> AsyncGenerator[Any, Any]:
        """Do the same for an asynchronous generator; the final state is put into `ended`."""
        await self._wait_upstream_async()
        with self._listening():
            try:
                with self._known():
                    async with contextlib.aclosing(drive_async_generator(self.life(), self, ended)) as items:
                        async for item in items:
                            yield item
            finally:
                await self._flush_async()

    def _wait_upstream(self) -> None:
        for future in open_futures(self.upstream):
            future.wait()

    async def _wait_upstream_async(self) -> None:
        for future in open_futures(self.upstream):
            await future.wait_async()

    @contextlib.contextmanager
    def _listening(self) -> Generator[None]:
        """Listen to signals while the outermost run lives and is recorded; then let SIGTERM do what it does."""
        if self.parent is not None:
            yield
            return
        try:
            with termination(self._terminated, self._interrupted_by_user) as self.signals:
                yield
        finally:
            end_if_last()

    @contextlib.contextmanager
    def _known(self) -> Generator[None]:
        """Publish that the run exists, and hear what is asked of it; log its beginning and end."""
        run = self.run
        self.world.backend.heed(run.id, self._told)
        try:
            self.begin()
            self.logger().info("Beginning flow run %r for flow %r", run.name, run.flow_name)
            try:
                with self.stopping.watched():
                    yield
            finally:
                if self.signals is not None:
                    self.signals.hold()
                self._say_end(run.state)
        finally:
            self.world.backend.forget(run.id)

    def _terminated(self) -> None:
        self.ended_by = TerminationSignal(signal.SIGTERM)

    def _interrupted_by_user(self) -> None:
        self.ended_by = KeyboardInterrupt()

    def _say_end(self, state: State[Any]) -> None:
        logger = self.logger()
        if state.type is StateType.COMPLETED:
            logger.info("Finished in state %r", state)
        elif isinstance(state.data, BaseException):
            trace = run_events.error_payload(state.data)["traceback"].rstrip()
            logger.error("Finished in state %r\n%s", state, trace)
        else:
            logger.error("Finished in state %r", state)

    def _flush(self) -> None:
        """Wait, at the end of the outermost run, until all of it is durable."""
        if self.parent is None:
            self._recorded(self.world.backend.flush().result)

    async def _flush_async(self) -> None:
        """Do in a coroutine what `_flush` does in plain code."""
        if self.parent is None:
            flushed = asyncio.wrap_future(self.world.backend.flush())
            with shielded():
                await asyncio.wait([flushed])
            self._recorded(flushed.result)

    def _recorded(self, flushed: Callable[[], object]) -> None:
        """Raise JournalNotRecorded when the journal could not take this run."""
        try:
            flushed()
        except JournalError as error:
            raise JournalNotRecorded(f"Flow run {self.run.name!r}", str(error)) from None
