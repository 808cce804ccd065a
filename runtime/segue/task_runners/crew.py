"""A crew: the threads that execute the jobs of one pool, as many at once as the pool has places."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from segue.futures import this_thread
from segue.task_runners.base import Job

# When more threads than this wait for tasks, further ones keep their places: no machine has threads without end.
MAX_SUBSTITUTES = 1000


class Crew:
    """Executes jobs in at most `places` threads at once; a thread that waits for a task does not count.

    Such a thread gives its place to a substitute, so tasks may wait for tasks of the same pool, however small it
    is. The waiting thread does not execute other jobs itself: it may hold a lock that one of them needs, its time
    limit would hit them, and it could not go on before they end.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._regulars = ThreadPoolExecutor(places, "segue-task", initializer=self._enlist)
        self._spares = ThreadPoolExecutor(MAX_SUBSTITUTES, "segue-task-substitute", initializer=self._enlist)
        self._jobs: deque[Job] = deque()
        # How many regulars execute a job; how many threads, of either kind, wait for a task; how many substitutes
        # there are for them.
        self._busy = 0
        self._away = 0
        self._substitutes = 0
        self._lock = threading.Lock()

    def start(self, job: Job) -> None:
        """Queue the job for the next thread that is free."""
        with self._lock:
            self._regulars.submit(self._work)
            self._jobs.append(job)
            self._substitute()

    def close(self) -> None:
        """Wait until all jobs have ended, and end the threads."""
        self._regulars.shutdown(wait=True)
        self._spares.shutdown(wait=True)

    def _enlist(self) -> None:
        this_thread.away = self._place_given_away

    @contextmanager
    def _place_given_away(self) -> Generator[None]:
        with self._lock:
            self._away += 1
            self._substitute()
        try:
            yield
        finally:
            with self._lock:
                self._away -= 1

    def _work(self) -> None:
        """Execute the oldest job in a regular thread, unless a substitute has taken the last one."""
        with self._lock:
            if not self._jobs:
                return
            job = self._jobs.popleft()
            self._busy += 1
            self._substitute()
        try:
            job.execute()
        finally:
            with self._lock:
                self._busy -= 1

    def _substitute(self) -> None:
        """Call a substitute if there is a job that no regular will take, and a place that was given away."""
        if not self._jobs or self._busy < self._places:
            return
        if self._substitutes < min(self._away, MAX_SUBSTITUTES):
            self._spares.submit(self._work_as_substitute)
            self._substitutes += 1

    def _work_as_substitute(self) -> None:
        while (job := self._job_for_substitute()) is not None:
            job.execute()

    def _job_for_substitute(self) -> Job | None:
        with self._lock:
            if self._jobs and self._substitutes <= self._away:
                # The newest: it is the likeliest to be waited for. The oldest might wait itself for one of the
                # last, as would all before it, each in a thread.
                return self._jobs.pop()
            self._substitutes -= 1
            return None
