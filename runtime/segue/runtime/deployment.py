"""The deployment the flow run one is in came from; every value is None in a run that was started by hand."""

from __future__ import annotations

from typing import Any

from segue.runtime.values import Values

_values = Values(
    "DEPLOYMENT",
    lambda: None,
    dict.fromkeys(("id", "flow_run_id", "name", "parameters", "version"), lambda _: None),
    {"parameters": {}},
)


def __getattr__(name: str) -> Any:
    return _values.get(name)


def __dir__() -> list[str]:
    return _values.names()
