"""What a task runner is: the one who has submitted task runs executed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from segue.futures import TaskFuture
from segue.records import FlowRun, TaskRun


class Shipment(msgspec.Struct):
    """A call of a task's function, to be made in another process."""

    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    task_run: TaskRun
    flow_run: FlowRun | None
    log_prints: bool
    timeout_seconds: float | None = None


class Job(Protocol):
    """A submitted task run, to be executed once."""

    future: TaskFuture[Any]

    def execute(self) -> None:
        """Run it in this thread, from its first state to its last; nothing happens the second time."""
        ...


class TaskRunner(ABC):
    """Base of task runners: a context manager that is open while its flow runs.

    `start` has jobs executed in this process; `ship` says how a job's function is called, where that is not here.
    """

    def duplicate(self) -> TaskRunner:
        """Return a runner with the same options that has not been started; each flow run gets its own."""
        return type(self)()

    @property
    def name(self) -> str:
        """The runner's name, for people."""
        return type(self).__name__.removesuffix("TaskRunner").lower()

    @abstractmethod
    def start(self, job: Job) -> None:
        """Have `job.execute()` called once, soon, in another thread.

        It must not block, and may be called in any thread: a job is started where the last run it depends on ended.
        If it raises, it must not have the job executed later: the job's run ends as crashed, by that exception.
        """

    def ship(self) -> Callable[[Shipment], Any] | None:
        """Return how to have a job's function called in another process, or None to call it in this one.

        What is returned is called with the shipment in the thread that executes the job. It returns what the
        function returned (of a generator, the list of what it yielded), or raises what it raised, or
        `segue.lifecycle.TimeLimitReached` once the function has taken `timeout_seconds`.
        """
        return None

    def __enter__(self) -> TaskRunner:
        return self

    def __exit__(self, *_: object) -> None:  # noqa: B027 - most hold nothing to give back
        pass
