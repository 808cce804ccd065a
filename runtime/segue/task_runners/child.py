"""The other process of a process pool: receives a function with its arguments, calls it inside of its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import msgspec

from segue.context import FlowRunContext, RunContext, TaskRunContext, World, current_run
from segue.definitions import FlowDefinition, FunctionKind, TaskDefinition, function_kind
from segue.exceptions import SerializationError
from segue.keys import Scope, current_scope
from segue.local_backend import local_backend
from segue.logging import capture_prints
from segue.options import FlowOptions, TaskOptions
from segue.serializers import PickleSerializer
from segue.settings import Settings, get_current_settings, temporary_settings
from segue.task_runners.base import Shipment


def packed(value: Any) -> bytes:
    """Return the value as bytes for the other process; SerializationError says what cannot be sent."""
    try:
        return _PICKLE.dumps(value)
    except SerializationError as error:
        raise SerializationError(f"This cannot be sent to another process: {error}") from error


def unpacked(data: bytes) -> Any:
    """Return the value that `packed` made into bytes."""
    return _PICKLE.loads(data)


def initialize(settings: Settings, initializer: Callable[..., Any] | None, initargs: tuple[Any, ...]) -> None:
    """Prepare this process: its runs use the settings of the process that started it."""
    _lasting.enter_context(temporary_settings(msgspec.structs.asdict(settings)))
    if initializer is not None:
        initializer(*initargs)


def perform(data: bytes) -> bytes:
    """Call the shipped function inside of its run, and return its packed result."""
    shipment: Shipment = unpacked(data)
    settings = get_current_settings()
    context = _context(shipment, World(local_backend(settings), settings))
    if shipment.log_prints:
        capture_prints()
    run_token = current_run.set(context)
    scope_token = current_scope.set(Scope(f"{shipment.task_run.step_key}/"))
    try:
        value = shipment.fn(*shipment.args, **shipment.kwargs)
        if function_kind(shipment.fn) is FunctionKind.COROUTINE:
            value = asyncio.run(value)
        return packed(value)
    finally:
        current_scope.reset(scope_token)
        current_run.reset(run_token)
        # The line of this process's events ends before the result goes back.
        context.world.backend.flush().result()


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
