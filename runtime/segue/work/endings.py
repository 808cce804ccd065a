"""Endings: what is recorded of a run that does not end by itself: its process is gone, or was never there."""

from typing import Any

from segue.run_events import flow_run_state, task_run_state
from segue.states import FINAL_TYPES, State, StateType
from segue.work.ground import Ground
from segue.work.store import Standing
from segue.work_events import RUN_RETURNED, RUN_SCHEDULED, run_returned
from segue_events import Event, Filter

__all__ = ("MOST_LOST", "ended", "let_go")

MOST_LOST = 5
"""So many workers are lost with a run that has not begun before it is given to no other."""

_COSTLY = (
    f"It was given to {MOST_LOST} workers, and each was lost before the run had begun. What comes before a run's first "
    "line may have ended them: see what its code imports and pulls, and how much memory that takes; then retry it."
)

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


async def _workers_lost(ground: Ground, run_id: str) -> int:
    """Return how many workers had the run since it was put in line, and were lost before it had begun."""
    kinds = (RUN_RETURNED, RUN_SCHEDULED)
    lost = 0
    for event in await ground.journal.read(filter=Filter(kinds=kinds, runs=(run_id,))):
        lost = 0 if event.kind == RUN_SCHEDULED else lost + bool(event.payload.get("lost"))
    return lost


async def let_go(ground: Ground, standing: Standing, why: str) -> list[Event]:
    """Return the events by which a worker holds a run no more, for the reason `why`, a sentence.

    What has begun has crashed; what has not waits for another worker, unless it was to stop, or has cost too many
    workers already: without a reason, none was lost.
    """
    item, now = standing.item, ground.clock.now_us()
    returned = run_returned(item.run_id, item.worker_id, item.epoch, now, lost=bool(why))
    if standing.begun:
        state: State[Any] = State(StateType.CRASHED, "Crashed", why, now)
    elif standing.stop:
        state = State(StateType.CANCELLED, "Cancelled", "It was cancelled before it had begun.", now)
    elif why and await _workers_lost(ground, item.run_id) + 1 >= MOST_LOST:
        state = State(StateType.CRASHED, "Crashed", f"{_COSTLY} {why}", now)
    else:
        return [returned]
    return [returned, *await ended(ground, item.run_id, state)]
