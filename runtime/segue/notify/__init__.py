"""Alerts: a process of its own tells people of failed and crashed runs.

`starter` is for the engine's process: it notices failures, and starts the other one. `process` is that other
process, `python -m segue.notify`.
"""

from segue.notify.starter import ensure_running as ensure_running
from segue.notify.starter import watch_failures as watch_failures

__all__ = ("ensure_running", "watch_failures")
