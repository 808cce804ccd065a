"""Cancellation: how somebody has a flow run stopped, which depends on whether it has begun."""

from segue import states
from segue.records import FlowRun
from segue.run_events import flow_run_cancel_requested, flow_run_state
from segue_events import Event

__all__ = ("cancellation",)


def cancellation(run: FlowRun, waits: bool, by: str, reason: str, now: int) -> list[Event]:
    """Return the events that stop a run which has not ended; `now` is in µs since the epoch.

    One that has a process is asked to stop, and says itself when it has. One that `waits` in line has nobody who could
    hear of it: it is cancelled.
    """
    asked = flow_run_cancel_requested(run.id, by, reason, now)
    if not waits:
        return [asked]
    message = f"Cancelled by {by or 'somebody'}{f': {reason}' if reason else ' before it began.'}"
    return [asked, flow_run_state(run, states.Cancelled(message=message, occurred=now))]
