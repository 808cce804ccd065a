"""The task runner whose functions run in threads of this process."""

from __future__ import annotations

import os
import threading

from segue.exceptions import TaskRunnerNotStarted
from segue.settings import get_current_settings
from segue.task_runners.base import Job, TaskRunner
from segue.task_runners.crew import Crew


class ThreadPoolTaskRunner(TaskRunner):
    """Runs at most `max_workers` plain functions at once, in threads (default: the setting tasks_max_threads).

    A task that waits for another one does not count meanwhile, so tasks may wait for tasks of the same pool
    however small it is.
    """

    def __init__(self, max_workers: int | None = None) -> None:
        if max_workers is not None and max_workers < 1:
            raise ValueError(f"max_workers must be 1 or more, not {max_workers!r}.")
        self.max_workers = max_workers
        self._crew: Crew | None = None
        self._crew_lock = threading.Lock()
        self._open = False

    def duplicate(self) -> TaskRunner:
        """Return a runner with the same bound that has not been started."""
        return type(self)(self.max_workers)

    def start(self, job: Job) -> None:
        """Queue the job for a thread of the pool."""
        if not self._open:
            raise TaskRunnerNotStarted(type(self).__name__)
        with self._crew_lock:
            if self._crew is None:
                self._crew = Crew(self.max_workers or get_current_settings().tasks_max_threads or default_workers())
            crew = self._crew
        crew.start(job)

    def __enter__(self) -> TaskRunner:
        self._open = True
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        if self._crew is not None:
            self._crew.close()
            self._crew = None


def default_workers() -> int:
    """Return how many threads run plain tasks where no setting says: the processors and 4, at most 32."""
    return min(32, (os.cpu_count() or 1) + 4)
