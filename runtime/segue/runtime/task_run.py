"""The task run one is in: `task_run.id`, `task_run.name`, …; None (or empty) outside of task runs.

A test may set an environment variable such as SEGUE__RUNTIME__TASK_RUN__NAME to have a value without a run.
"""

from __future__ import annotations

from typing import Any

from segue.context import TaskRunContext
from segue.runtime.values import Values

_values = Values(
    "TASK_RUN",
    TaskRunContext.get,
    {
        "id": lambda context: context.task_run.id,
        "tags": lambda context: list(context.task_run.tags),
        "name": lambda context: context.task_run.name,
        "task_name": lambda context: context.task_run.task_name,
        "parameters": lambda context: dict(context.parameters),
        "run_count": lambda context: context.task_run.run_count,
        "step_key": lambda context: context.task_run.step_key,
    },
    {"tags": [], "parameters": {}, "run_count": 0},
)


def __getattr__(name: str) -> Any:
    return _values.get(name)


def __dir__() -> list[str]:
    return _values.names()
