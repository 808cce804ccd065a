"""A run's life as a value: generators that say what should happen next, and are told what came of it.

Nothing here awaits, sleeps, reads a clock or writes. A driver (engine/drivers.py) does what each command
says and sends the answer back in; a test does the same by hand:

    life = task_life(options, plan)
    command = next(life)              # Record(Running())
    command = life.send(None)         # Invoke(attempt=1)
    command = life.throw(OSError())   # Record(AwaitingRetry(…))
    …
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import msgspec
from msgspec import UNSET

from segue import states
from segue.exceptions import TerminationSignal
from segue.options import FlowOptions, Hook, TaskOptions
from segue.retries import RetryPolicy
from segue.states import State, StateType


class Record(msgspec.Struct, frozen=True):
    """Make this the run's state; `ref` and `expires` (µs) say where a result is kept, and how long."""

    state: State[Any]
    kept: Any = None


class Ready(msgspec.Struct, frozen=True):
    """Wait for what the run depends on and put the results in place; send why it cannot begin, or None."""


class Invoke(msgspec.Struct):
    """Call the user's function; send its value, or throw what it raised. The driver sets `streamed` once a
    generator has yielded, since what it yielded cannot be taken back by another attempt."""

    attempt: int
    streamed: bool = False


class TakeSlots(msgspec.Struct, frozen=True):
    """Take slots of the limits that bind the run: those that are free, or if `wait` as soon as they are.

    Send why it has to wait, or None once it has them.
    """

    wait: bool


class Sleep(msgspec.Struct, frozen=True):
    """Let `seconds` go by."""

    seconds: float


class Fire(msgspec.Struct, frozen=True):
    """Call the hooks, in order; one that fails is logged and changes nothing."""

    hooks: tuple[Hook, ...]
    state: State[Any]


class Ask(msgspec.Struct, frozen=True):
    """Ask the user's `retry_condition_fn` whether this failure is worth another attempt; send its answer."""

    condition: Callable[..., Any]
    state: State[Any]


class Lookup(msgspec.Struct, frozen=True):
    """Look for a result under this cache key; send the Completed state to reuse, or None."""

    key: str


class Keep(msgspec.Struct, frozen=True):
    """Keep the completed state's value as the options say; send what `Record` needs to know of it."""

    state: State[Any]
    key: str | None


class Say(msgspec.Struct, frozen=True):
    """Log a line in the run's name."""

    level: int
    text: str


Command = Record | Ready | TakeSlots | Invoke | Sleep | Fire | Ask | Lookup | Keep | Say
Life = Generator[Command, Any, State[Any]]

DEBUG, INFO, WARNING, ERROR = 10, 20, 30, 40


class TimeLimitReached(Exception):
    """The driver throws this in when the user's function has used up its time limit."""


class Plan(msgspec.Struct, kw_only=True):
    """What a life depends on besides its options, given from outside."""

    now: Callable[[], int]
    random: Random
    retries: RetryPolicy
    persist: bool = False
    depends: bool = False
    limited: bool = False
    cache_key: Callable[[], str | None] | None = None
    refresh_cache: bool = False
    may_retry: Callable[[], bool] = lambda: True
    crash: Callable[[BaseException], State[Any] | None] = lambda _: None
    final_state: Callable[[Any], State[Any]] | None = None


def task_life(options: TaskOptions, plan: Plan) -> Life:
    """A task run from its start to its final state: inputs, cache, attempts, result."""
    return _guarded(_task_life(options, plan), options, plan)


def flow_life(options: FlowOptions, plan: Plan, invalid: str | None) -> Life:
    """A flow run from its start to its final state; `invalid` says what is wrong with its parameters."""
    return _guarded(_flow_life(options, plan, invalid), options, plan)


def _guarded(life: Life, options: TaskOptions | FlowOptions, plan: Plan) -> Life:
    """End the run as Crashed when something around the user's function fails: no run is left in the middle."""
    try:
        return (yield from life)
    except BaseException as error:
        crashed = _crashed(error, plan)
    return (yield from _settle(options, crashed))


def _task_life(options: TaskOptions, plan: Plan) -> Life:
    if plan.depends:
        reason = yield Ready()
        if reason is not None:
            return (yield from _not_ready(plan, reason))
    if plan.limited:
        yield from _slots(plan)
    running: State[Any] = State(StateType.RUNNING, "Running", occurred=plan.now())
    yield Record(running)
    if options.on_running:
        yield Fire(options.on_running, running)
    key = plan.cache_key() if plan.cache_key is not None else None
    if key is not None and not plan.refresh_cache:
        cached = yield Lookup(key)
        if cached is not None:
            return (yield from _settle(options, cached))
    state = yield from _attempts("Task", options, plan, options.retry_condition_fn)
    if state.type is StateType.COMPLETED and (plan.persist or key is not None):
        return (yield from _settle_kept("Task", options, plan, state, key))
    return (yield from _settle(options, state))


def _slots(plan: Plan) -> Generator[Command, Any, None]:
    """Take the slots that the run needs; record what it waits for if there are none."""
    reason = yield TakeSlots(wait=False)
    if reason is not None:
        waiting: State[Any] = State(StateType.PENDING, "Pending", message=reason, occurred=plan.now())
        yield Record(waiting)
        yield TakeSlots(wait=True)


def _flow_life(options: FlowOptions, plan: Plan, invalid: str | None) -> Life:
    if plan.depends:
        reason = yield Ready()
        if reason is not None:
            return (yield from _not_ready(plan, reason))
    if invalid is not None:
        message = f"Validation of flow parameters failed with error: {invalid}"
        return (yield from _settle(options, states.Failed(message=message, occurred=plan.now())))
    running: State[Any] = State(StateType.RUNNING, "Running", occurred=plan.now())
    yield Record(running)
    if options.on_running:
        yield Fire(options.on_running, running)
    state = yield from _attempts("Flow", options, plan, None)
    if state.type is StateType.COMPLETED and plan.persist:
        return (yield from _settle_kept("Flow", options, plan, state, None))
    return (yield from _settle(options, state))


def _not_ready(plan: Plan, reason: str) -> Life:
    """Record that the run will not begin, since what it depends on did not complete."""
    state: State[Any] = State(StateType.PENDING, "NotReady", message=reason, occurred=plan.now())
    yield Record(state)
    return state


def _settle_kept(noun: str, options: TaskOptions | FlowOptions, plan: Plan, state: State[Any], key: str | None) -> Life:
    """Keep the value, then settle; a value that cannot be kept fails the run now, not whoever reads it later."""
    try:
        kept = yield Keep(state, key)
    except Exception as error:
        return (yield from _settle(options, _failed(noun, error, plan)))
    return (yield from _settle(options, state, kept))


def _settle(options: TaskOptions | FlowOptions, state: State[Any], kept: Any = None) -> Life:
    """Record the final state and call the hooks that wait for it."""
    yield Record(state, kept)
    hooks = _hooks_on(options, state.type)
    if hooks:
        yield Fire(hooks, state)
    return state


def _hooks_on(options: TaskOptions | FlowOptions, kind: StateType) -> tuple[Hook, ...]:
    if kind is StateType.COMPLETED:
        return options.on_completion
    if kind is StateType.FAILED:
        return options.on_failure
    if kind is StateType.CRASHED:
        return options.on_crashed
    return options.on_cancellation if kind is StateType.CANCELLED else ()


def _attempts(noun: str, options: TaskOptions | FlowOptions, plan: Plan, condition: Callable[..., Any] | None) -> Life:
    """Call the function until it succeeds, crashes, or no further attempt is due."""
    attempt = 1
    while True:
        invoke = Invoke(attempt)
        try:
            state = _outcome((yield invoke), plan)
        except BaseException as error:
            state = _ended_by(error, noun, options, plan)
        if state.type is not StateType.FAILED or invoke.streamed or not plan.may_retry():
            return state
        delay = plan.retries.delay_after(attempt, plan.random)
        if delay is None:
            if noun == "Task" or attempt > 1:
                yield Say(ERROR, _what_failed(noun, state) + (" - Retries are exhausted" if attempt > 1 else ""))
            return state
        if condition is not None and not (yield Ask(condition, state)):
            return state
        yield Say(
            INFO, f"{_what_failed(noun, state)} - Retry {attempt}/{plan.retries.retries} will start {_when(delay)}"
        )
        attempt += 1
        yield from _before_next(noun, options, plan, state, delay)


def _before_next(
    noun: str, options: TaskOptions | FlowOptions, plan: Plan, failed: State[Any], delay: float
) -> Generator[Command, Any, None]:
    """Record the wait for the next attempt, wait, and record that it runs."""
    if delay > 0 or noun == "Flow":
        now = plan.now()
        at = datetime.fromtimestamp((now + delay * 1e6) / 1e6, UTC)
        yield Record(states.AwaitingRetry(scheduled_time=at, message=failed.message, occurred=now))
    if delay > 0:
        yield Sleep(delay)
        if plan.limited:
            yield from _slots(plan)
    running = (states.Retrying if noun == "Task" else states.Running)(occurred=plan.now())
    yield Record(running)
    if options.on_running:
        yield Fire(options.on_running, running)


def _outcome(value: Any, plan: Plan) -> State[Any]:
    """Apply the final-state rule to what the function returned."""
    if isinstance(value, State):
        given = cast("State[Any]", value)
        details = given.details
        if details is None or not (details.task_run_id or details.flow_run_id):
            # Made by hand: that is what the run's state shall be.
            return msgspec.structs.replace(given, occurred=plan.now())
    if plan.final_state is not None:
        state = plan.final_state(value)
        state.occurred = plan.now()
        return state
    return State(StateType.COMPLETED, "Completed", data=value, occurred=plan.now())


def _ended_by(error: BaseException, noun: str, options: TaskOptions | FlowOptions, plan: Plan) -> State[Any]:
    """Tell a failure of the user's code from a crash, which comes from outside of it."""
    if isinstance(error, TimeLimitReached):
        return _timed_out(noun, options.timeout_seconds, plan)
    if isinstance(error, Exception):
        return _failed(noun, error, plan)
    return _crashed(error, plan)


def _failed(noun: str, error: Exception, plan: Plan) -> State[Any]:
    colon = ":" if noun == "Flow" else ""
    message = f"{noun} run encountered an exception{colon} {described(error)}"
    return State(StateType.FAILED, "Failed", message=message, data=error, occurred=plan.now())


def _timed_out(noun: str, seconds: float | None, plan: Plan) -> State[Any]:
    message = f"{noun} run exceeded timeout of {seconds} second(s)"
    return State(StateType.FAILED, "TimedOut", message=message, data=TimeoutError(message), occurred=plan.now())


def _crashed(error: BaseException, plan: Plan) -> State[Any]:
    """Say what ended the run from outside; `plan.crash` may know better than the exception does."""
    known = plan.crash(error)
    if known is not None:
        data = error if known.data is UNSET else known.data
        return msgspec.structs.replace(known, data=data, occurred=plan.now())
    return states.Crashed(message=crash_message(error), data=error, occurred=plan.now())


def crash_message(error: BaseException) -> str:
    """Return the sentence for what aborted a run."""
    if isinstance(error, KeyboardInterrupt):
        return "Execution was aborted by an interrupt signal."
    if isinstance(error, TerminationSignal):
        return "Execution was aborted by a termination signal."
    if isinstance(error, SystemExit):
        return "Execution was aborted by Python system exit call."
    if isinstance(error, asyncio.CancelledError):
        return "Execution was cancelled by the runtime environment."
    return f"Execution was interrupted by an unexpected exception: {described(error)}"


def described(error: BaseException) -> str:
    """Return `ValueError: x`, or the bare type's name when there is no text, or none that can be had."""
    try:
        text = str(error)
    except Exception:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _what_failed(noun: str, state: State[Any]) -> str:
    error = state.data
    if not isinstance(error, BaseException):
        return f"{noun} run failed: {state.message}"
    try:
        return f"{noun} run failed with exception: {error!r}"
    except Exception:  # an exception's own __repr__ is the user's code too
        return f"{noun} run failed with exception: {described(error)}"


def _when(delay: float) -> str:
    return f"{delay:g} second(s) from now" if delay > 0 else "immediately"
