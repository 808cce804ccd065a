"""Runs: reads flow runs and task runs."""

from collections.abc import Sequence
from typing import Literal

from segue.exceptions import UnknownRun
from segue.projection import TYPE_CODES
from segue.records import FlowRun, TaskRun
from segue.states import StateType
from segue.store import lookup
from segue.store.filters import Conditions, FlowRunFilter, Page, flow_run_conditions
from segue.store.rows import FLOW_RUN, TASK_RUN, FlowRunRow, TaskRunRow, complete
from segue.store.source import Source, event_at
from segue_events import Event, Filter
from segue_events.ids import id_at_rest, id_in_memory

Order = Literal["newest", "oldest"]

_TYPES = {code: kind for kind, code in TYPE_CODES.items()}


class Runs:
    """Reads runs from a journal's tables.

    A run may be given by its id, by the beginning of its id where no other has it, or by its name: UnknownRun and
    AmbiguousRun say which there are instead.
    """

    def __init__(self, source: Source) -> None:
        self._source = source

    async def flow_run(self, wanted: str) -> FlowRun:
        """Return a flow run, with its result or error; raises UnknownRun or AmbiguousRun."""
        key = await lookup.flow_run_id(self._source, wanted)
        rows = await self._source.query(f"SELECT {FLOW_RUN} FROM flow_run WHERE id = ?", (key,))
        if not rows:
            raise UnknownRun(wanted)
        row = FlowRunRow(*rows[0])
        run = row.record()
        complete(run, await event_at(self._source, row.last))
        return run

    async def task_run(self, wanted: str) -> TaskRun:
        """Return a task run, with its result or error; raises UnknownRun or AmbiguousRun."""
        key = await lookup.task_run_key(self._source, wanted)
        rows = await self._source.query(f"SELECT {TASK_RUN} FROM task_run WHERE id = ? AND run = ?", key)
        if not rows:
            raise UnknownRun(wanted)
        row = TaskRunRow(*rows[0])
        run = row.record()
        complete(run, await event_at(self._source, row.last))
        return run

    async def flow_runs(
        self,
        wanted: FlowRunFilter | None = None,
        *,
        order: Order = "newest",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[FlowRun]:
        """Return a page of up to `limit` flow runs by when they were created, without results and errors.

        `cursor` is the `next` of the page before; ValueError for any other text.
        """
        where = flow_run_conditions(wanted or FlowRunFilter())
        later, direction = (">", "ASC") if order == "oldest" else ("<", "DESC")
        if cursor is not None:
            where.add(f"(created, id) {later} (?, ?)", *_place(cursor))
        rows = await self._source.query(
            f"SELECT {FLOW_RUN} FROM flow_run {where.sql} ORDER BY created {direction}, id {direction} LIMIT ?",
            (*where.params, limit + 1),
        )
        runs = [FlowRunRow(*row).record() for row in rows[:limit]]
        return Page(runs, f"{runs[-1].created}:{runs[-1].id}" if len(rows) > limit else None)

    async def task_runs(
        self,
        flow_run_id: str,
        *,
        types: Sequence[StateType] = (),
        limit: int = 200,
        cursor: str | None = None,
    ) -> Page[TaskRun]:
        """Return a page of up to `limit` task runs of a flow run by when they were created, without results.

        `flow_run_id` is the whole id, "" for the task runs outside of flows; `cursor` is the `next` of the page before.
        """
        where = Conditions()
        where.add("run = ?", id_at_rest(flow_run_id))
        where.types(types)
        if cursor is not None:
            where.add("id > ?", id_at_rest(cursor))
        rows = await self._source.query(
            f"SELECT {TASK_RUN} FROM task_run {where.sql} ORDER BY id LIMIT ?", (*where.params, limit + 1)
        )
        runs = [TaskRunRow(*row).record() for row in rows[:limit]]
        return Page(runs, runs[-1].id if len(rows) > limit else None)

    async def counts(self, flow_run_ids: Sequence[str]) -> dict[str, dict[StateType, int]]:
        """Return how many task runs of each of these flow runs (whole ids) are in each type of state."""
        counts: dict[str, dict[StateType, int]] = {run_id: {} for run_id in flow_run_ids}
        where = Conditions()
        where.any_of("run", [id_at_rest(run_id) for run_id in counts])
        if counts:
            sql = f"SELECT run, type, COUNT(*) FROM task_run {where.sql} GROUP BY run, type ORDER BY run, type"
            for run, code, count in await self._source.query(sql, where.params):
                counts[id_in_memory(run)][_TYPES[code]] = count
        return counts

    async def events(self, flow_run_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return up to `limit` events about a flow run (whole id), its task runs and log lines, after a seq."""
        return await self._source.read(after=after, filter=Filter(runs=(flow_run_id,)), limit=limit)


def _place(cursor: str) -> tuple[int, bytes | str]:
    created, colon, run_id = cursor.partition(":")
    if not colon or not created.isdecimal():
        raise ValueError(f"'{cursor}' is not a cursor; give the `next` of the page before.")
    return int(created), id_at_rest(run_id)
