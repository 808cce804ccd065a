"""Task runners: where submitted task runs are executed: threads, processes; coroutines always in the flow's loop."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from segue.task_runners.base import Job as Job
from segue.task_runners.base import Shipment as Shipment
from segue.task_runners.base import TaskRunner as TaskRunner
from segue.task_runners.threads import ThreadPoolTaskRunner as ThreadPoolTaskRunner

if TYPE_CHECKING:
    from segue.task_runners.processes import ProcessPoolTaskRunner as ProcessPoolTaskRunner

# The name that flow files moved from Prefect may use.
ConcurrentTaskRunner = ThreadPoolTaskRunner


def __getattr__(name: str) -> Any:
    # Few flows need processes, and multiprocessing takes as long to import as a tenth of all the rest.
    if name == "ProcessPoolTaskRunner":
        return getattr(import_module("segue.task_runners.processes"), name)
    raise AttributeError(f"module 'segue.task_runners' has no attribute {name!r}.")
