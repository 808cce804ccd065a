"""One task run: from the call of a task to its outcome."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from random import SystemRandom
from typing import Any

from msgspec import UNSET

from segue import run_events, states
from segue.canonical import digest_of_call
from segue.context import FlowRunContext, TaskRunContext, current_run, current_tags, flow_context_of
from segue.definitions import TaskDefinition
from segue.engine.caching import Keeping, Kept, inline, keeping_of_task
from segue.engine.calls import RunCall
from segue.engine.drivers import drive, drive_async, drive_async_generator, drive_generator
from segue.engine.tag_slots import tag_slots
from segue.engine.world import world_of
from segue.exceptions import CancellationRequested, NotCanonical
from segue.futures import TaskFuture
from segue.inputs import blocked_by, final_state, find_upstream, open_futures, resolved, traced, upstream_ids
from segue.keys import Scope, current_scope
from segue.lifecycle import ERROR, Command, Invoke, Life, Plan, TakeSlots, crash_message, task_life
from segue.logging import RunLogger, run_logger
from segue.names import run_name
from segue.records import CacheEntry, TaskRun
from segue.run_events import Inline
from segue.states import State, StateType
from segue.task_runners import Shipment, TaskRunner
from segue_events import new_id
from segue_events.forking import fork_safe_lock

# A chain of tasks that never really wait gives the event loop a turn this often (seconds).
BREATH = 0.01

_NO_SCOPE = Scope()
_claims = fork_safe_lock()
_random = SystemRandom()  # a forked process draws its own numbers


class TaskCall(RunCall[TaskDefinition, TaskRunContext]):
    """A task run, from its identity to its outcome; as a job, it can be run once, in a thread or in a loop."""

    __slots__ = (
        "_claimed",
        "args",
        "asyncio_task",
        "cancelled",
        "context",
        "definition",
        "future",
        "interruption",
        "keeping",
        "kwargs",
        "parameters",
        "parent",
        "run",
        "shipped",
        "slots",
        "upstream",
        "variables",
        "world",
    )

    run: TaskRun
    future: TaskFuture[Any]

    def __init__(
        self, task: TaskDefinition, args: tuple[Any, ...], kwargs: dict[str, Any], wait_for: Iterable[Any] | None
    ) -> None:
        parent = current_run.get()
        world = world_of(parent)
        self.definition = task
        if task.bound:
            args = (*task.bound, *args)
        self.args = args
        self.kwargs = kwargs
        self.world = world
        self.parent = parent
        self.parameters = task.parameters.bind(args, kwargs)
        self.upstream = find_upstream(self.parameters.values())
        if wait_for is not None:
            self.upstream += find_upstream(wait_for)
        self.keeping: Keeping | None = None
        self.interruption: BaseException | None = None
        self.cancelled: str | None = None
        self._claimed = False
        self.shipped: Callable[[Shipment], Any] | None = None
        self.asyncio_task: asyncio.Task[Any] | None = None
        self.run = self._identified(flow_context_of(parent))
        self.context = TaskRunContext(task, self.run, self.parameters, world, parent)
        self.slots = tag_slots(self.context, self.logger) if self.run.tags else None

    def _identified(self, flow: FlowRunContext | None) -> TaskRun:
        """Make the run's record: which step of its flow run this call is, and what it is called."""
        task = self.definition
        scope = current_scope.get() or _NO_SCOPE
        inputs = self._digest()
        run_id = new_id()
        parent = self.parent
        tags = task.tags | current_tags.get()
        return TaskRun(
            id=run_id,
            name=self._name(flow, run_id),
            task_name=task.name,
            flow_run_id="" if flow is None else flow.flow_run.id,
            scope=scope.path,
            input_hash=inputs,
            ordinal=0 if scope is _NO_SCOPE else scope.ordinal(inputs or task.name),
            tags=tuple(sorted(tags)) if tags else (),
            parent_id=parent.task_run.id if isinstance(parent, TaskRunContext) else "",
            upstream=upstream_ids(self.upstream) if self.upstream else (),
            epoch=1 if flow is None else flow.flow_run.epoch,
        )

    def _digest(self) -> str:
        """Return the digest of name and inputs; "" where the inputs have no canonical form."""
        parameters = self.parameters
        if self.definition.bound:
            # A method's object has no digest as a rule; the order of calls tells such steps apart.
            parameters = {name: parameters[name] for name in self.definition.parameters.names[1:]}
        if self.upstream:
            parameters = {name: traced(value) for name, value in parameters.items()}
        try:
            return digest_of_call(self.definition.name, parameters)
        except NotCanonical:
            return ""

    def _name(self, flow: FlowRunContext | None, run_id: str) -> str:
        task = self.definition
        if task.options.task_run_name is not None:
            return run_name(task.options.task_run_name, self.parameters, "task_run_name")
        if flow is None:
            return f"{task.name}-{run_id[-3:]}"
        number = flow.names.get(task.name, 0)
        flow.names[task.name] = number + 1
        return f"{task.name}-{number}"

    # --- its life ---

    def begin(self) -> None:
        """Publish that this task run exists."""
        self.run.created = self.world.backend.clock.now_us()
        self.world.backend.publish(run_events.task_run_pending(self.run))

    def life(self) -> Life:
        """Return the life of this run."""
        task, settings = self.definition, self.world.settings
        # What a generator yields is handed on as it comes, and is not kept.
        keeping = self.keeping = None if task.isgenerator else keeping_of_task(self.context)
        plan = Plan(
            now=self.world.backend.clock.now_us,
            random=_random,
            retries=task.policy(settings.tasks_default_retries, settings.tasks_default_retry_delay_seconds),
            depends=bool(self.upstream),
            limited=self.slots is not None,
            may_retry=self._may_retry,
            persist=keeping is not None and keeping.persist,
            cache_key=None if keeping is None else self._cache_key,
            refresh_cache=keeping is not None and keeping.refresh,
            crash=self._crash,
            final_state=final_state,
        )
        return task_life(task.options, plan)

    def ready(self) -> str | None:
        """Wait for the upstream runs and put their results in place; return why the run cannot begin, or None."""
        for future in open_futures(self.upstream):
            future.wait()
        return self._resolve()

    async def ready_async(self) -> str | None:
        """Do in a coroutine what `ready` does in plain code."""
        for future in open_futures(self.upstream):
            await future.wait_async()
        return self._resolve()

    def _resolve(self) -> str | None:
        blocked = blocked_by(self.upstream)
        if blocked is not None:
            return blocked
        self.parameters = {name: resolved(value) for name, value in self.parameters.items()}
        self.context.parameters = self.parameters
        self.args, self.kwargs = self.definition.parameters.call_args(self.parameters)
        return None

    def _may_retry(self) -> bool:
        return self.cancelled is None

    def _crash(self, error: BaseException) -> State[Any] | None:
        reason = self.cancelled
        flow = self.context.flow_context
        if reason is None and flow is not None and isinstance(error, (asyncio.CancelledError, CancellationRequested)):
            reason = flow.stopped
        return None if reason is None else states.Cancelled(message=reason)

    def _cache_key(self) -> str | None:
        return None if self.keeping is None else self.keeping.key(self.context, self.logger)

    # --- what its life says ---

    def record(self, state: State[Any], kept: Kept | None) -> None:
        """Make `state` the run's state and publish its event, with the value where that is small and plain."""
        run = self.run
        run.enter(state)
        if self.slots is not None:
            self.slots.entered(state)
        result: Inline = UNSET
        if state.type is StateType.COMPLETED and (kept is None or kept.ref is None) and not self.definition.isgenerator:
            result = inline(state.data, self.world.settings.results_inline_limit)
        self.world.backend.publish(run_events.task_run_state(run, state, result, kept))

    def keep(self, state: State[Any], key: str | None) -> Kept | None:
        """Store the completed state's value where the task's options say; blocks on files."""
        if self.keeping is None:
            return None
        flow = self.context.flow_context
        names = {
            "parameters": self.parameters,
            "task_run": self.run,
            "flow_run": None if flow is None else flow.flow_run,
        }
        return self.keeping.keep(self.world, names, state.data, key)

    def reuse(self, entry: CacheEntry | None) -> State[Any] | None:
        """Return the Cached state for an entry, or None when there is none or its value is gone."""
        return None if self.keeping is None else self.keeping.reuse(entry, self.logger)

    def perform(self, command: Command) -> Any:
        """Do a command in plain code and return its answer."""
        if self.slots is not None and isinstance(command, TakeSlots):
            return self.slots.take(command.wait)
        return super().perform(command)

    async def perform_async(self, command: Command) -> Any:
        """Do a command in a coroutine and return its answer."""
        if self.slots is not None and isinstance(command, TakeSlots):
            return await self.slots.take_async(command.wait)
        return await super().perform_async(command)

    def logger(self) -> RunLogger:
        """Return the logger for what the engine itself has to say of this run."""
        return run_logger(self.context)

    def scope(self) -> Scope:
        """Return a new scope for the steps called inside of the user's function."""
        return Scope(f"{self.run.step_key}/")

    # --- called in place ---

    def run_plain(self) -> State[Any]:
        """Run from its first state to its last in this thread."""
        self._room()
        self.begin()
        return drive(self.life(), self)

    async def run_async(self) -> State[Any]:
        """Run from its first state to its last in this coroutine."""
        await self._room_async()
        self.begin()
        return await drive_async(self.life(), self)

    def run_generator(self) -> Generator[Any, Any, State[Any]]:
        """Run a generator's task from its first state to its last, passing on what it yields."""
        self._room()
        self.begin()
        return (yield from drive_generator(self.life(), self))

    async def run_async_generator(self, ended: list[State[Any]]) -> AsyncGenerator[Any, Any]:
        """Do the same for an asynchronous generator; the final state is put into `ended`."""
        await self._room_async()
        self.begin()
        async with contextlib.aclosing(drive_async_generator(self.life(), self, ended)) as items:
            async for item in items:
                yield item

    def _room(self) -> None:
        """Wait when the journal is far behind, so that what waits for it stays bounded."""
        full = self.world.backend.room()
        if full is not None:
            # A journal that fails is told of where the run ends; it does not end the run.
            full.exception()

    async def _room_async(self) -> None:
        """Wait when the journal is far behind, and let the loop turn if it has not for a while."""
        full = self.world.backend.room()
        if full is not None:
            waited = asyncio.wrap_future(full)
            await asyncio.wait([waited])
            waited.exception()
        flow = self.context.flow_context
        if flow is not None and (now := time.monotonic()) - flow.breathed > BREATH:
            flow.breathed = now
            await asyncio.sleep(0)

    # --- submitted: as a job ---

    @property
    def is_async(self) -> bool:
        """Whether the job runs in an event loop; a function that goes to another process does not."""
        return self.definition.kind.is_async and self.shipped is None

    def submitted(self, runner: TaskRunner) -> TaskFuture[Any]:
        """Make this a job of the runner and publish that it exists; return its future.

        Waits where the journal is far behind, also in a coroutine: nothing else bounds what a `map` publishes.
        """
        self._room()
        self.shipped = runner.ship()
        self.future = TaskFuture(self.run.id, self.run.name, self.run.step_key)
        self.variables = contextvars.copy_context()
        self.begin()
        return self.future

    @property
    def claimed(self) -> bool:
        """Whether somebody has taken the job."""
        return self._claimed

    def claim(self) -> bool:
        """Take the job, to run it or to cancel it; True for the first who does, whatever thread it comes from."""
        with _claims:
            first, self._claimed = not self._claimed, True
        return first

    def execute(self) -> None:
        """Run the job in this thread and settle its future; do nothing if somebody else has taken it."""
        if not self.claim():
            return
        try:
            state = self.variables.run(self._execute)
        except BaseException as error:
            state = states.Crashed(message=crash_message(error), data=error)
        self.future.settle(state)
        if self.interruption is not None:
            # There is no caller in this thread whom it could interrupt.
            self.logger().log(ERROR, "A hook of the task run was interrupted: %r", self.interruption)

    def _execute(self) -> State[Any]:
        self._room()
        # In another process a generator runs to its end, and answers with the list of what it yielded.
        if self.shipped is not None or not self.definition.isgenerator:
            return drive(self.life(), self)
        return _exhausted(drive_generator(self.life(), self))

    async def execute_async(self) -> None:
        """Run the job in this coroutine and settle its future; do nothing if it was cancelled before."""
        if not self.claim():
            return
        try:
            if self.definition.isgenerator:
                state = await self._exhausted_async()
            else:
                state = await drive_async(self.life(), self)
        except BaseException as error:
            state = states.Crashed(message=crash_message(error), data=error)
        self.future.settle(state)
        if self.interruption is not None:
            raise self.interruption

    async def _exhausted_async(self) -> State[Any]:
        ended: list[State[Any]] = []
        items = [item async for item in drive_async_generator(self.life(), self, ended)]
        return with_items(ended[0], items)

    def settle(self, state: State[Any]) -> None:
        """End a job that was claimed and has not begun, in this state."""
        state.occurred = self.world.backend.clock.now_us()
        self.record(state, None)
        self.future.settle(state)

    def invoke(self, command: Invoke) -> Any:
        """Call the task's function here, or have it called in another process."""
        if self.shipped is None:
            return super().invoke(command)
        flow = self.context.flow_context
        return self.shipped(
            Shipment(
                name=self.run.name,
                fn=self.definition.fn,
                args=self.args,
                kwargs=self.kwargs,
                task_run=self.run,
                flow_run=None if flow is None else flow.flow_run,
                log_prints=self.context.log_prints,
                timeout_seconds=self.definition.options.timeout_seconds,
            )
        )


def _exhausted(generator: Generator[Any, Any, State[Any]]) -> State[Any]:
    """Run a generator's task to its end; its value is the list of what it yielded."""
    items: list[Any] = []
    while True:
        try:
            items.append(next(generator))
        except StopIteration as end:
            return with_items(end.value, items)


def with_items(state: State[Any], items: list[Any]) -> State[Any]:
    """Return the state with the yielded items as its value, if it is a success."""
    if state.type is StateType.COMPLETED:
        state.data = items
    return state
