"""segue: flows and tasks that survive failure, and whose every change of state is an event.

from segue import flow, task
"""

from segue.annotations import allow_failure as allow_failure
from segue.annotations import opaque as opaque
from segue.annotations import quote as quote
from segue.annotations import unmapped as unmapped
from segue.context import tags as tags
from segue.flows import Flow as Flow
from segue.flows import flow as flow
from segue.logging import get_run_logger as get_run_logger
from segue.states import State as State
from segue.tasks import Task as Task
from segue.tasks import task as task
from segue.version import __version__ as __version__

__all__ = (
    "Flow",
    "State",
    "Task",
    "__version__",
    "allow_failure",
    "flow",
    "get_run_logger",
    "opaque",
    "quote",
    "tags",
    "task",
    "unmapped",
)
