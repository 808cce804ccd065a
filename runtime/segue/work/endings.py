"""Endings: what is recorded of a run that does not end by itself: its process is gone, or was never there."""

from typing import Any

from segue.run_events import flow_run_state, task_run_state
from segue.states import FINAL_TYPES, State, StateType
from segue.work.ground import Ground
from segue.work.store import Standing
from segue.work_events import run_returned
from segue_events import Event

__all__ = ("ended", "let_go")

_PAGE = 200
_OPEN = tuple(kind for kind in StateType if kind not in FINAL_TYPES)


async def ended(ground: Ground, run_id: str, state: State[Any]) -> list[Event]:
    """Return the events by which a flow run comes to a final state, with all inside of it that has not ended.

    Raises UnknownRun.
    """
    events: list[Event] = []
    for one in (*await ground.store.subflows(run_id), run_id):
        run = await ground.records.runs.flow_run(one)
        events += await _task_runs_ended(ground, one, state)
        events.append(flow_run_state(run, state))
    return events


async def _task_runs_ended(ground: Ground, run_id: str, state: State[Any]) -> list[Event]:
    events: list[Event] = []
    cursor: str | None = None
    while True:
        page = await ground.records.runs.task_runs(run_id, types=_OPEN, limit=_PAGE, cursor=cursor)
        events += [task_run_state(task_run, state) for task_run in page.items]
        cursor = page.next
        if cursor is None:
            return events


async def let_go(ground: Ground, standing: Standing, why: str) -> list[Event]:
    """Return the events by which a worker holds a run no more, for the reason `why`, a sentence.

    What has begun has crashed; what has not waits for another worker, unless it was to stop.
    """
    item, now = standing.item, ground.clock.now_us()
    returned = run_returned(item.run_id, item.worker_id, item.epoch, now)
    if standing.begun:
        state: State[Any] = State(StateType.CRASHED, "Crashed", why, now)
    elif standing.stop:
        state = State(StateType.CANCELLED, "Cancelled", "It was cancelled before it had begun.", now)
    else:
        return [returned]
    return [returned, *await ended(ground, item.run_id, state)]
