"""The deployment the flow run one is in came from; every value is None in a run that was started by hand."""

from __future__ import annotations

from typing import Any

from segue.context import FlowRunContext
from segue.runtime.values import Values


def _deployed() -> FlowRunContext | None:
    found = FlowRunContext.get()
    return found if found is not None and found.deployment is not None else None


_values = Values(
    "DEPLOYMENT",
    _deployed,
    {
        "id": lambda context: context.deployment.id,
        "flow_run_id": lambda context: context.flow_run.root_id,
        "name": lambda context: context.deployment.name,
        "parameters": lambda context: dict(context.deployment.parameters),
        "version": lambda context: context.deployment.version or None,
    },
    {"parameters": {}},
)


def __getattr__(name: str) -> Any:
    return _values.get(name)


def __dir__() -> list[str]:
    return _values.names()
