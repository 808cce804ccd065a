"""The task runner whose functions run in other processes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from segue.exceptions import ProcessDied
from segue.settings import get_current_settings
from segue.task_runners.base import Shipment, TaskRunner
from segue.task_runners.child import initialize, packed_call, perform, value_of
from segue.task_runners.threads import ThreadPoolTaskRunner


class ProcessPoolTaskRunner(ThreadPoolTaskRunner):
    """Calls the functions of tasks in at most `max_workers` other processes (default: one per processor).

    Each run is recorded and retried here; only its function is called over there, so function, arguments and
    result must be picklable, and a script needs `if __name__ == "__main__":` around what starts its flow. A
    generator is run to its end; its value is the list of what it yielded. A time limit interrupts the function as
    in a main thread. `initializer(*initargs)` is called once in each process.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
    ) -> None:
        super().__init__((os.cpu_count() or 1) if max_workers is None else max_workers)
        self.initializer = initializer
        self.initargs = initargs
        self._processes: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def duplicate(self) -> TaskRunner:
        """Return a runner with the same options that has not been started."""
        return type(self)(self.max_workers, self.initializer, self.initargs)

    def ship(self) -> Callable[[Shipment], Any]:
        """Return how to have a job's function called in one of the processes."""
        return self._call

    def _call(self, shipment: Shipment) -> Any:
        call = packed_call(shipment)
        with self._lock:
            if self._processes is None:
                self._processes = ProcessPoolExecutor(
                    self.max_workers,
                    mp_context=get_context("spawn"),
                    initializer=initialize,
                    initargs=(get_current_settings(), self.initializer, self.initargs),
                )
            processes = self._processes
        try:
            answer = processes.submit(perform, call).result()
        except BrokenProcessPool:
            with self._lock:
                if self._processes is processes:
                    self._processes = None
            raise ProcessDied(shipment.name) from None
        return value_of(answer, shipment.name)

    def __exit__(self, *exc_info: object) -> None:
        super().__exit__(*exc_info)
        if self._processes is not None:
            self._processes.shutdown(wait=True)
            self._processes = None
