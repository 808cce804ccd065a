"""Histories: the events by which a run came to its states, and the times it spent in each of them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from segue.projection import TYPE_CODES
from segue.records import FlowRun, TaskRun
from segue.run_events import FLOW_RUN_KINDS, TASK_RUN_KINDS, state_of
from segue.states import StateType
from segue.store.source import Source, events_at
from segue_events import Event, Filter
from segue_events.ids import id_at_rest

__all__ = ("Stretch", "states", "stretches")

_IDS_AT_ONCE = 500


class Stretch(NamedTuple):
    """A time that a run spent in one state; in µs since the epoch, `end` is None for the state it is in."""

    type: StateType
    name: str
    start: int
    end: int | None


async def states(source: Source, run: FlowRun | TaskRun, limit: int) -> list[Event]:
    """Return up to `limit` events by which a run came to its states, in order; not those deleted by retention."""
    flow_run_id = run.flow_run_id if isinstance(run, TaskRun) else run.id
    return await _events(source, flow_run_id, [run], limit)


async def stretches(
    source: Source, flow_run_id: str, runs: Sequence[FlowRun | TaskRun], limit: int
) -> dict[str, list[Stretch]]:
    """Return for these runs of a flow run (whole id) the times they spent in each state, by their ids.

    Together they may have come to `limit` states; later ones are left out.
    """
    found: dict[str, list[Stretch]] = {}
    for begin in range(0, len(runs), _IDS_AT_ONCE):
        for event in await _events(source, flow_run_id, runs[begin : begin + _IDS_AT_ONCE], limit):
            state, before = state_of(event), found.setdefault(event.subject, [])
            if before:
                before[-1] = before[-1]._replace(end=state.occurred)
            before.append(Stretch(state.type, state.name, state.occurred, None))
    return found


async def _events(source: Source, flow_run_id: str, runs: Sequence[FlowRun | TaskRun], limit: int) -> list[Event]:
    kinds = FLOW_RUN_KINDS if isinstance(runs[0], FlowRun) else TASK_RUN_KINDS
    wanted = Filter(
        kinds=tuple(kinds[kind] for kind in TYPE_CODES),
        runs=(flow_run_id,),
        subjects=tuple(run.id for run in runs),
    )
    condition, params = wanted.where()
    bounds = await _bounds(source, flow_run_id, runs)
    rows = await source.query(
        f"SELECT seq FROM event WHERE seq BETWEEN ? AND ? AND {condition} ORDER BY seq LIMIT ?",
        (*bounds, *params, limit),
    )
    return [event for event in await events_at(source, [row[0] for row in rows], wanted) if _is_readable(event)]


def _is_readable(event: Event) -> bool:
    """Whether the event tells a state: anybody may have sent it, and what does not is in no table either."""
    try:
        state = state_of(event)
    except (TypeError, ValueError, OverflowError):
        return False
    told: tuple[Any, Any] = (state.name, state.message)
    return all(isinstance(text, str) for text in told)


async def _bounds(source: Source, flow_run_id: str, runs: Sequence[FlowRun | TaskRun]) -> tuple[int, int]:
    """Return the seqs of the first and the last event of these runs: nothing else has to be looked at."""
    ids = [id_at_rest(run.id) for run in runs]
    marks = ", ".join("?" * len(ids))
    if isinstance(runs[0], FlowRun):
        sql, params = f"SELECT min(first), max(last) FROM flow_run WHERE id IN ({marks})", ids
    else:
        sql = f"SELECT min(first), max(last) FROM task_run WHERE run = ? AND id IN ({marks})"
        params = [id_at_rest(flow_run_id), *ids]
    first, last = (await source.query(sql, params))[0]
    return first or 0, last or 0
