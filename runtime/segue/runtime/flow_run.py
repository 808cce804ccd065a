"""The flow run one is in: `flow_run.id`, `flow_run.name`, …; None (or empty) outside of flow runs.

A test may set an environment variable such as SEGUE__RUNTIME__FLOW_RUN__NAME to have a value without a run.
"""

from __future__ import annotations

from typing import Any

from segue.context import FlowRunContext
from segue.runtime.values import Values

_values = Values(
    "FLOW_RUN",
    FlowRunContext.get,
    {
        "id": lambda context: context.flow_run.id,
        "tags": lambda context: list(context.flow_run.tags),
        "name": lambda context: context.flow_run.name,
        "flow_name": lambda context: context.flow_run.flow_name,
        "flow_version": lambda context: context.flow_run.flow_version,
        "parameters": lambda context: dict(context.flow_run.parameters),
        "parent_flow_run_id": lambda context: context.flow_run.parent_id or None,
        "root_flow_run_id": lambda context: context.flow_run.root_id,
        "run_count": lambda context: context.flow_run.run_count,
    },
    {"tags": [], "parameters": {}, "run_count": 0},
)


def __getattr__(name: str) -> Any:
    return _values.get(name)


def __dir__() -> list[str]:
    return _values.names()
