"""Listing: pages of flow runs and of task runs, by what they are, in the order one wants."""

from typing import Literal

from segue.projection import DURATION, START
from segue.records import FlowRun, TaskRun
from segue.states import StateType
from segue.store.cursors import place_in, place_text
from segue.store.filters import (
    Conditions,
    FlowRunFilter,
    Page,
    TaskRunFilter,
    flow_run_conditions,
    task_run_conditions,
)
from segue.store.rows import FLOW_RUN, TASK_RUN, FlowRunRow, TaskRunRow
from segue.store.source import Source
from segue_events.ids import id_at_rest, id_in_memory

__all__ = ("WINDOW", "Sort", "flow_runs", "task_runs")

Sort = Literal["created", "-created", "started", "-started", "duration", "-duration"]

# So many task runs are looked at for one page, in some 20 ms.
WINDOW = 20_000

_KEYS = {"created": "created", "started": START, "duration": DURATION}
_ENDED_BADLY = frozenset({StateType.FAILED, StateType.CRASHED, StateType.CANCELLED})


async def flow_runs(source: Source, wanted: FlowRunFilter, sort: Sort, limit: int, cursor: str | None) -> Page[FlowRun]:
    """Return a page of flow runs; raises NotACursor."""
    where = flow_run_conditions(wanted)
    key = _KEYS[sort.removeprefix("-")]
    later, direction = ("<", "DESC") if sort.startswith("-") else (">", "ASC")
    if cursor is not None:
        where.add(f"({key}, id) {later} (?, ?)", *place_in(cursor))
    order = f"ORDER BY {key} {direction}, id {direction}"
    # First which ones, from an index that has all columns of this question; then the rows of these few.
    ids = f"SELECT id FROM flow_run INDEXED BY {_index(wanted, sort)} {where.sql} {order} LIMIT ?"
    rows = await source.query(
        f"SELECT {FLOW_RUN}, {key} FROM flow_run WHERE id IN ({ids}) {order}", (*where.params, limit + 1)
    )
    runs = [FlowRunRow(*row[:-1]).record() for row in rows[:limit]]
    return Page(runs, place_text(rows[limit - 1][-1], runs[-1].id) if len(rows) > limit else None)


def _index(wanted: FlowRunFilter, sort: Sort) -> str:
    """Return the index that finds these runs without looking at many others."""
    key = sort.removeprefix("-")
    if wanted.names:
        return "flow_run_name"
    if wanted in (FlowRunFilter(), FlowRunFilter(top_level=True)):
        return f"flow_run_{key}"
    is_by_type = FlowRunFilter(types=wanted.types, since=wanted.since, until=wanted.until) == wanted
    if len(wanted.types) == 1 and is_by_type and key == "created":
        return "flow_run_type"
    # Not in the order of any other key, but it holds all of them.
    return "flow_run_created"


async def task_runs(
    source: Source, wanted: TaskRunFilter, *, newest: bool, limit: int, cursor: str | None
) -> Page[TaskRun]:
    """Return a page of task runs by when they were created, the newest or the oldest first.

    Their ids are in that order, and only a flow run has an index of its own: what else is asked for is looked for in
    one run after the other, and after a window of them a page ends.
    """
    among, where = _walk(wanted)
    later, up_to, direction = ("<", ">=", "DESC") if newest else (">", "<=", "ASC")
    if cursor is not None:
        where.add(f"id {later} ?", id_at_rest(cursor))
    order = f"ORDER BY id {direction}"
    demands = task_run_conditions(wanted)
    last: bytes | str | None = None
    if demands.params:
        end = f"SELECT id FROM task_run {among} {where.sql} {order} LIMIT 1 OFFSET {WINDOW - 1}"
        for (last,) in await source.query(end, where.params):
            where.add(f"id {up_to} ?", last)
        where.all_of(demands)
    rows = await source.query(
        f"SELECT {TASK_RUN} FROM task_run {among} {where.sql} {order} LIMIT ?", (*where.params, limit + 1)
    )
    runs = [TaskRunRow(*row).record() for row in rows[:limit]]
    if len(rows) > limit:
        return Page(runs, runs[-1].id)
    return Page(runs, None if last is None else id_in_memory(last))


def _walk(wanted: TaskRunFilter) -> tuple[str, Conditions]:
    """Return the index in whose order the runs are looked at, and the conditions that it answers by itself."""
    if wanted.flow_run is not None:
        where = Conditions()
        where.add("run = ?", id_at_rest(wanted.flow_run))
        # The table itself, which is in the order of flow runs and then of ids.
        return "NOT INDEXED", where
    if wanted.types and _ENDED_BADLY.issuperset(wanted.types):
        return "INDEXED BY task_run_failed", Conditions("type > 5")
    return "INDEXED BY task_run_id", Conditions()
