"""The run one is in, as plain values: `from segue.runtime import flow_run, task_run`; None outside of runs."""

from segue.runtime import deployment as deployment
from segue.runtime import flow_run as flow_run
from segue.runtime import task_run as task_run

__all__ = ("deployment", "flow_run", "task_run")
