"""The run one is in: what a call of a task or flow finds around it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from segue.backend import Backend
from segue.definitions import FlowDefinition, TaskDefinition
from segue.exceptions import MissingContextError
from segue.futures import TaskFuture
from segue.records import FlowRun, TaskRun
from segue.settings import Settings

if TYPE_CHECKING:
    from segue.records.work import Deployment


class Children(Protocol):
    """The submitted task runs of a flow run that have not ended; the engine's part of a context."""

    def submit(self, job: Any) -> TaskFuture[Any]:
        """Start the job when its inputs are there; its future ends with it."""
        ...

    def refuse_wait(self) -> None:
        """Raise BlockingInLoopError where waiting for a child would stop the flow's own loop."""
        ...


class World(NamedTuple):
    """What lies outside of a run: where its events go, and the settings it started with."""

    backend: Backend
    settings: Settings


class FlowRunContext:
    """A flow run in progress."""

    __slots__ = (
        "breathed",
        "cancelled",
        "children",
        "deployment",
        "flow",
        "flow_run",
        "log_prints",
        "loop",
        "names",
        "parent",
        "persist",
        "world",
    )

    def __init__(self, flow: FlowDefinition, flow_run: FlowRun, world: World, parent: RunContext | None) -> None:
        above = flow_context_of(parent)
        self.flow = flow
        self.flow_run = flow_run
        self.world = world
        self.parent = parent
        # What the run at the top was deployed as, if it was.
        self.deployment: Deployment | None = None if above is None else above.deployment
        self.loop: asyncio.AbstractEventLoop | None = None
        self.children: Children | None = None
        # Why the run is to stop, once somebody has asked it to.
        self.cancelled: str | None = None
        # How often each task's name was used, for the numbers in task run names.
        self.names: dict[str, int] = {}
        # When the event loop last had a turn (monotonic seconds): see engine/task_run.py.
        self.breathed = 0.0
        options = flow.options
        self.log_prints: bool = first(options.log_prints, above and above.log_prints, world.settings.logging_log_prints)
        self.persist: bool | None = first(options.persist_result, above and above.persist)

    @property
    def run(self) -> FlowRun:
        """The flow run's record."""
        return self.flow_run

    @property
    def stopped(self) -> str | None:
        """Why this run, or one that it was called in, is to stop; None while nobody has asked."""
        context: FlowRunContext | None = self
        while context is not None and context.cancelled is None:
            context = flow_context_of(context.parent)
        return None if context is None else context.cancelled

    @property
    def parameters(self) -> dict[str, Any]:
        """The flow run's parameters by name."""
        return self.flow_run.parameters

    @staticmethod
    def get() -> FlowRunContext | None:
        """Return the context of the flow run one is in, or None."""
        return flow_context_of(current_run.get())


class TaskRunContext:
    """A task run in progress."""

    __slots__ = ("flow_context", "limits", "log_prints", "parameters", "parent", "task", "task_run", "world")

    def __init__(
        self,
        task: TaskDefinition,
        task_run: TaskRun,
        parameters: dict[str, Any],
        world: World,
        parent: RunContext | None,
    ) -> None:
        flow = flow_context_of(parent)
        self.task = task
        self.task_run = task_run
        self.parameters = parameters
        self.world = world
        self.parent = parent
        self.flow_context = flow
        # The limits of which the run holds slots for its tags: the runs inside of it need none of their own.
        self.limits: frozenset[str] = frozenset()
        asked = task.options.log_prints
        if asked is None:
            asked = world.settings.logging_log_prints if flow is None else flow.log_prints
        self.log_prints = asked

    @property
    def run(self) -> TaskRun:
        """The task run's record."""
        return self.task_run

    @staticmethod
    def get() -> TaskRunContext | None:
        """Return the context of the task run one is in, or None."""
        found = current_run.get()
        return found if isinstance(found, TaskRunContext) else None


RunContext: TypeAlias = FlowRunContext | TaskRunContext

current_run: ContextVar[RunContext | None] = ContextVar("segue_run", default=None)
current_tags: ContextVar[frozenset[str]] = ContextVar("segue_tags", default=frozenset())


def flow_context_of(context: RunContext | None) -> FlowRunContext | None:
    """Return the flow run's context that `context` is or lies in."""
    return context if isinstance(context, FlowRunContext) or context is None else context.flow_context


def get_run_context() -> RunContext:
    """Return the context of the innermost run; MissingContextError outside of runs."""
    found = current_run.get()
    if found is None:
        raise MissingContextError("There is no run here: get_run_context() works inside of flows and tasks.")
    return found


@contextlib.contextmanager
def tags(*new_tags: str) -> Generator[frozenset[str]]:
    """Add tags to every flow run and task run that is started inside of the `with`."""
    token = current_tags.set(current_tags.get() | frozenset(new_tags))
    try:
        yield current_tags.get()
    finally:
        current_tags.reset(token)


def first(*values: Any) -> Any:
    """Return the first value that is not None; None when all are."""
    return next((value for value in values if value is not None), None)
