"""segue: flows and tasks that survive failure, and whose every change of state is an event.

from segue import flow, task
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from segue.version import __version__ as __version__

if TYPE_CHECKING:
    from segue.annotations import allow_failure as allow_failure
    from segue.annotations import opaque as opaque
    from segue.annotations import quote as quote
    from segue.annotations import unmapped as unmapped
    from segue.context import tags as tags
    from segue.deploying.serving import aserve as aserve
    from segue.deploying.serving import deploy as deploy
    from segue.deploying.serving import serve as serve
    from segue.flows import Flow as Flow
    from segue.flows import flow as flow
    from segue.logging import get_run_logger as get_run_logger
    from segue.notify.on_failure import notify_on_failure as notify_on_failure
    from segue.states import State as State
    from segue.tasks import Task as Task
    from segue.tasks import task as task

# The command line and tools import parts of segue without wanting the engine: each name is imported when asked for.
_HOMES = {
    "Flow": "segue.flows",
    "State": "segue.states",
    "Task": "segue.tasks",
    "allow_failure": "segue.annotations",
    "aserve": "segue.deploying.serving",
    "deploy": "segue.deploying.serving",
    "flow": "segue.flows",
    "get_run_logger": "segue.logging",
    "notify_on_failure": "segue.notify.on_failure",
    "opaque": "segue.annotations",
    "quote": "segue.annotations",
    "serve": "segue.deploying.serving",
    "tags": "segue.context",
    "task": "segue.tasks",
    "unmapped": "segue.annotations",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'segue' has no attribute {name!r}; it has {', '.join(sorted(_HOMES))}.")
    value = globals()[name] = getattr(import_module(home), name)
    return value


__all__ = (
    "Flow",
    "State",
    "Task",
    "__version__",
    "allow_failure",
    "aserve",
    "deploy",
    "flow",
    "get_run_logger",
    "notify_on_failure",
    "opaque",
    "quote",
    "serve",
    "tags",
    "task",
    "unmapped",
)
