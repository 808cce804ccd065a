"""The other process of a process pool: receives a function with its arguments, calls it inside of its run."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec

from segue.context import FlowRunContext, RunContext, TaskRunContext, World, current_run
from segue.definitions import FlowDefinition, FunctionKind, TaskDefinition, function_kind
from segue.exceptions import FailedRun, SerializationError
from segue.keys import Scope, current_scope
from segue.lifecycle import TimeLimitReached, described
from segue.logging import capture_prints
from segue.options import FlowOptions, TaskOptions
from segue.parameters import Parameters
from segue.recording import backend_of
from segue.serializers import PickleSerializer
from segue.settings import Settings, get_current_settings, temporary_settings
from segue.task_runners.base import Shipment


class Failure(msgspec.Struct):
    """What ended a function in the other process, and where in it."""

    error: BaseException
    where: str


class TimeIsUp(BaseException):
    """Raised inside of the function when it has used up its time limit; no `except Exception` of its own stops it."""


def packed_call(shipment: Shipment) -> bytes:
    """Return the shipment as bytes for the other process; SerializationError says which argument cannot be sent."""
    try:
        return _PICKLE.dumps(shipment)
    except SerializationError as error:
        what, cause = _culprit(shipment) or (f"Task run '{shipment.name}'", error)
        reason = described(cause.__cause__ or cause)
        raise SerializationError(f"{what} cannot be sent to another process ({reason}).") from error


def value_of(answer: bytes, run: str) -> Any:
    """Return what the function returned, or raise what it raised, with the other process's traceback as a note."""
    try:
        outcome = _PICKLE.loads(answer)
    except Exception as error:  # whatever a value's own way of being made anew raises
        raise SerializationError(
            f"The result of task run '{run}' cannot be read as it came from its process ({described(error)})."
        ) from error
    if isinstance(outcome, Failure):
        outcome.error.add_note(outcome.where)
        raise outcome.error
    return outcome


def initialize(settings: Settings, initializer: Callable[..., Any] | None, initargs: tuple[Any, ...]) -> None:
    """Prepare this process: its runs use the settings of the process that started it."""
    _lasting.enter_context(temporary_settings(msgspec.structs.asdict(settings)))
    if initializer is not None:
        initializer(*initargs)


def perform(data: bytes) -> bytes:
    """Call the shipped function inside of its run, and return its packed result, or the `Failure` that ended it."""
    try:
        shipment: Shipment = _PICKLE.loads(data)
        return _packed_result(_called_in_run(shipment), shipment.name)
    except BaseException as error:
        return _packed_failure(error)


def _called_in_run(shipment: Shipment) -> Any:
    settings = get_current_settings()
    context = _context(shipment, World(backend_of(settings), settings))
    if shipment.log_prints:
        capture_prints()
    run_token = current_run.set(context)
    scope_token = current_scope.set(Scope(f"{shipment.task_run.step_key}/"))
    try:
        with _time_limit(shipment.timeout_seconds):
            return _called(shipment)
    except TimeIsUp:
        raise TimeLimitReached from None
    finally:
        current_scope.reset(scope_token)
        current_run.reset(run_token)
        # The line of this process's events ends before the result goes back.
        context.world.backend.flush().result()


def _called(shipment: Shipment) -> Any:
    """Return what the function returns; of a generator, the list of what it yields."""
    value = shipment.fn(*shipment.args, **shipment.kwargs)
    match function_kind(shipment.fn):
        case FunctionKind.COROUTINE:
            return asyncio.run(_awaited(value))
        case FunctionKind.GENERATOR:
            return list(value)
        case FunctionKind.ASYNC_GENERATOR:
            return asyncio.run(_collected(value))
        case FunctionKind.PLAIN:
            return value


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer


async def _collected(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


@contextmanager
def _time_limit(seconds: float | None) -> Generator[None]:
    """Raise TimeIsUp inside after `seconds`. This is the process's main thread: a signal reaches it, also where it
    blocks; only a call into C that does not heed signals ends first."""
    if seconds is None:
        yield
        return

    def interrupt(*_: object) -> None:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- what cannot be sent ---


def _packed_result(value: Any, run: str) -> bytes:
    try:
        return _PICKLE.dumps(value)
    except SerializationError as error:
        reason = described(error.__cause__ or error)
        raise SerializationError(
            f"The result of task run '{run}' cannot be sent back from its process ({reason})."
        ) from error


class _Bare:
    """Pickles as an exception that is made anew without its own constructor, which may want other arguments."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> tuple[Any, ...]:
        return _made_anew, (type(self._error), self._error.args, self._error.__dict__)


def _made_anew(kind: type[BaseException], args: tuple[Any, ...], attributes: dict[str, Any]) -> BaseException:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


def _packed_failure(error: BaseException) -> bytes:
    """Return the first of these as bytes that arrives as what it was: the exception, it made anew, its text."""
    frames = traceback.TracebackException.from_exception(error)
    frames.stack = traceback.StackSummary.from_list([one for one in frames.stack if one.filename != __file__])
    where = f"In process {os.getpid()}:\n{''.join(frames.format())}"
    for form in (error, _Bare(error)):
        try:
            data = _PICKLE.dumps(Failure(form, where))  # pyright: ignore[reportArgumentType]  it comes back as one
            if type(_PICKLE.loads(data).error) is type(error):
                return data
        except Exception:  # whatever an exception's own way of being pickled raises
            continue
    return _PICKLE.dumps(Failure(FailedRun(described(error)), where))


def _culprit(shipment: Shipment) -> tuple[str, BaseException] | None:
    """Return which part of a call cannot be packed, and why."""
    run = shipment.name
    parts = [(f"The function of task run '{run}'", shipment.fn)]
    named = Parameters(shipment.fn).bind(shipment.args, shipment.kwargs)
    parts += [(f"Argument '{name}' of task run '{run}'", value) for name, value in named.items()]
    for what, value in parts:
        try:
            _PICKLE.dumps(value)
        except SerializationError as error:
            return what, error
    return None


# --- the run, as code inside of it sees it ---


def _context(shipment: Shipment, world: World) -> RunContext:
    """Rebuild the contexts of the run and of its flow run, as far as code inside of them can see."""
    flow = None
    if shipment.flow_run is not None:
        definition = FlowDefinition(_elsewhere, FlowOptions(name=shipment.flow_run.flow_name))
        flow = FlowRunContext(definition, shipment.flow_run, world, None)
    task = TaskDefinition(shipment.fn, TaskOptions(name=shipment.task_run.task_name, log_prints=shipment.log_prints))
    return TaskRunContext(task, shipment.task_run, task.parameters.bind(shipment.args, shipment.kwargs), world, flow)


def _elsewhere() -> None:
    """Stand for the flow's function, which runs in another process."""


_PICKLE = PickleSerializer()
# The settings of a pool's process hold until it ends.
_lasting = ExitStack()
