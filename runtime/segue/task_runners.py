"""Task runners: where submitted task runs are executed - threads, processes; coroutines always in the flow's loop."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from segue.exceptions import TaskRunnerNotStarted
from segue.futures import TaskFuture
from segue.records import FlowRun, TaskRun
from segue.settings import get_current_settings

if TYPE_CHECKING:
    from segue.process_pool import ProcessPoolTaskRunner as ProcessPoolTaskRunner


class Shipment(msgspec.Struct):
    """A call of a task's function, to be made in another process."""

    name: str
    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    task_run: TaskRun
    flow_run: FlowRun | None
    log_prints: bool


class Job(Protocol):
    """A submitted task run, to be executed once."""

    future: TaskFuture[Any]

    def execute(self) -> None:
        """Run it in this thread, from its first state to its last; nothing happens the second time."""
        ...


class TaskRunner:
    """Base of task runners: a context manager that is open while its flow runs.

    `start` must not block. `call` is how the user's function is called, where that is not in this process.
    """

    def duplicate(self) -> TaskRunner:
        """Return a runner with the same options that has not been started; each flow run gets its own."""
        return type(self)()

    @property
    def name(self) -> str:
        """The runner's name, for people."""
        return type(self).__name__.removesuffix("TaskRunner").lower()

    def start(self, job: Job) -> None:
        """Have the job executed, in another thread."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it starts a job.")

    def ship(self) -> Callable[[Shipment], Any] | None:
        """Return how to have a job's function called in another process, or None to call it in this one."""
        return None

    def __enter__(self) -> TaskRunner:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class ThreadPoolTaskRunner(TaskRunner):
    """Runs plain functions in at most `max_workers` threads (default: the setting tasks_max_threads).

    A worker that waits for a task that has not begun runs that task itself, so tasks may wait for tasks of the
    same pool however small it is.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be 1 or more, not {max_workers!r}.")
        self.max_workers = max_workers
        self._pool: ThreadPoolExecutor | None = None
        self._open = False

    def duplicate(self) -> TaskRunner:
        """Return a runner with the same bound that has not been started."""
        return type(self)(self.max_workers)

    def start(self, job: Job) -> None:
        """Queue the job for a thread of the pool."""
        if not self._open:
            raise TaskRunnerNotStarted(type(self).__name__)
        if self._pool is None:
            workers = self.max_workers or get_current_settings().tasks_max_threads or default_workers()
            self._pool = ThreadPoolExecutor(workers, thread_name_prefix="segue-task")
        job.future.helper = lambda: self._help(job)
        self._pool.submit(self._execute, job)

    def _execute(self, job: Job) -> None:
        outer = getattr(_worker, "of", None)
        _worker.of = self
        try:
            job.execute()
        finally:
            _worker.of = outer

    def _help(self, job: Job) -> None:
        """Execute a queued job in this thread, if this is one of the pool's; it runs once, whoever comes first."""
        if getattr(_worker, "of", None) is self:
            self._execute(job)

    def __enter__(self) -> TaskRunner:
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        if self._pool is not None:
            self._pool.shutdown(wait=True)
            self._pool = None


ConcurrentTaskRunner = ThreadPoolTaskRunner


def default_workers() -> int:
    """Return how many threads run plain tasks where no setting says: the processors and 4, at most 32."""
    return min(32, (os.cpu_count() or 1) + 4)


_worker = threading.local()


def __getattr__(name: str) -> Any:
    # Few flows need processes, and multiprocessing takes as long to import as a tenth of all the rest.
    if name == "ProcessPoolTaskRunner":
        return getattr(import_module("segue.process_pool"), name)
    raise AttributeError(f"module 'segue.task_runners' has no attribute {name!r}.")
