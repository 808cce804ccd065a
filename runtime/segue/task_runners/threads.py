"""The task runner whose functions run in threads of this process."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

from segue.exceptions import TaskRunnerNotStarted
from segue.settings import get_current_settings
from segue.task_runners.base import Job, TaskRunner


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


def default_workers() -> int:
    """Return how many threads run plain tasks where no setting says: the processors and 4, at most 32."""
    return min(32, (os.cpu_count() or 1) + 4)


_worker = threading.local()
