"""Alerts: a process of its own tells people of what rules look at, such as failed and crashed runs.

`starter` is for the engine's process: it notices what rules look at, and starts the other one. `process` is that
other process, `python -m segue.notify`. `configuration` says who is told of what, and `on_failure` is the hook.
"""
