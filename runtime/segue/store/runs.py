"""Runs: reads flow runs and task runs."""

from collections.abc import Iterable, Sequence
from typing import Any

from segue.exceptions import UnknownRun
from segue.records import FlowRun, TaskRun
from segue.states import StateType
from segue.store import histories, listing, lookup, tallies
from segue.store.filters import Conditions, FlowRunFilter, Page, TaskRunFilter
from segue.store.histories import Stretch
from segue.store.listing import Sort
from segue.store.rows import FLOW_RUN, TASK_RUN, FlowRunRow, TaskRunRow, complete
from segue.store.source import Source, event_at
from segue.store.tallies import Bucket, FlowTally
from segue.store.task_counts import TaskCounts
from segue_events import Event, Filter
from segue_events.ids import id_at_rest, id_in_memory


class Runs:
    """Reads runs from a journal's tables.

    A run may be given by its id, by the beginning of its id where no other has it, or by its name: UnknownRun and
    AmbiguousRun say which there are instead.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._task_counts = TaskCounts(source)

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

    async def task_run(self, wanted: str, *, by_name: bool = True) -> TaskRun:
        """Return a task run, with its result or error; raises UnknownRun or AmbiguousRun.

        Looking for a name is looking through all of them; not `by_name`, only an id or its beginning is understood.
        """
        key = await lookup.task_run_key(self._source, wanted, by_name=by_name)
        rows = await self._source.query(f"SELECT {TASK_RUN} FROM task_run WHERE id = ? AND run = ?", key)
        if not rows:
            raise UnknownRun(wanted)
        row = TaskRunRow(*rows[0])
        run = row.record()
        complete(run, await event_at(self._source, row.last))
        return run

    async def flow_runs_by_id(self, ids: Iterable[str]) -> dict[str, FlowRun]:
        """Return those of these flow runs (whole ids) that there are, by their ids, without results and errors."""
        rows = await self._rows(f"SELECT {FLOW_RUN} FROM flow_run WHERE flow IS NOT NULL AND id IN ", ids)
        runs = [FlowRunRow(*row).record() for row in rows]
        return {run.id: run for run in runs}

    async def task_runs_by_id(self, ids: Iterable[str]) -> dict[str, TaskRun]:
        """Return those of these task runs (whole ids) that there are, by their ids, without results and errors."""
        rows = await self._rows(f"SELECT {TASK_RUN} FROM task_run WHERE id IN ", ids)
        runs = [TaskRunRow(*row).record() for row in rows]
        return {run.id: run for run in runs}

    async def _rows(self, select: str, ids: Iterable[str]) -> list[tuple[Any, ...]]:
        stored = [id_at_rest(run_id) for run_id in dict.fromkeys(ids)]
        return await self._source.query(f"{select}({', '.join('?' * len(stored))})", stored) if stored else []

    async def flow_runs(
        self,
        wanted: FlowRunFilter | None = None,
        *,
        sort: Sort = "-created",
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[FlowRun]:
        """Return a page of up to `limit` flow runs, without results and errors.

        `sort` is by when they were created or started, or how long they took; with a minus, the greatest first. Runs
        that have not begun or ended are the least. `cursor` is the `next` of the page before; NotACursor, a ValueError,
        for any other text.
        """
        return await listing.flow_runs(self._source, wanted or FlowRunFilter(), sort, limit, cursor)

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
        return await self.all_task_runs(
            TaskRunFilter(flow_run=flow_run_id, types=tuple(types)), newest=False, limit=limit, cursor=cursor
        )

    async def all_task_runs(
        self, wanted: TaskRunFilter, *, newest: bool = True, limit: int = 50, cursor: str | None = None
    ) -> Page[TaskRun]:
        """Return a page of up to `limit` task runs of any flow runs by when they were created, without results."""
        return await listing.task_runs(self._source, wanted, newest=newest, limit=limit, cursor=cursor)

    async def count(self, wanted: FlowRunFilter | None = None) -> dict[StateType, int]:
        """Return how many flow runs there are of each type of state, those of none left out."""
        return await tallies.count(self._source, wanted or FlowRunFilter())

    async def history(self, since: int, until: int, buckets: int, wanted: FlowRunFilter | None = None) -> list[Bucket]:
        """Return the counts of so many buckets of the time from `since` to before `until`, in µs since the epoch.

        Runs count in the bucket in which they were created.
        """
        return await tallies.history(self._source, wanted or FlowRunFilter(), since, until, buckets)

    async def flow(self, name: str, *, since: int) -> FlowTally | None:
        """Return what there is of the flow of this name, None if there is no run of it; for `since` see `flows`."""
        return await tallies.flow(self._source, name, since)

    async def flows(
        self, *, since: int, search: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page[FlowTally]:
        """Return a page of up to `limit` flows by name, with the text `search` in it.

        Runs created since `since`, in µs since the epoch, count as recent; `cursor` is the `next` of the page before.
        """
        return await tallies.flows(self._source, since=since, search=search, limit=limit, cursor=cursor)

    async def children(self, flow_run: FlowRun, limit: int = 1000) -> list[FlowRun]:
        """Return up to `limit` flow runs that were called in this one or in its task runs, the first ones first."""
        rows = await self._source.query(
            f"SELECT {FLOW_RUN} FROM flow_run INDEXED BY flow_run_root WHERE root = ?1 AND flow IS NOT NULL"
            " AND (parent = ?2 OR EXISTS (SELECT 1 FROM task_run WHERE run = ?2 AND task_run.id = flow_run.parent))"
            " ORDER BY created, id LIMIT ?3",
            (id_at_rest(flow_run.root_id), id_at_rest(flow_run.id), limit),
        )
        return [FlowRunRow(*row).record() for row in rows]

    async def counts(self, flow_run_ids: Sequence[str]) -> dict[str, dict[StateType, int]]:
        """Return how many task runs of each of these flow runs (whole ids) are in each type of state."""
        return await self._task_counts.of(flow_run_ids)

    async def events(self, flow_run_id: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Return up to `limit` events about a flow run (whole id), its task runs and log lines, after a seq."""
        return await self._source.read(after=after, filter=Filter(runs=(flow_run_id,)), limit=limit)

    async def states(self, run: FlowRun | TaskRun, limit: int = 1000) -> list[Event]:
        """Return up to `limit` events by which a run came to its states, in order; not those deleted by retention."""
        return await histories.states(self._source, run, limit)

    async def stretches(
        self, flow_run_id: str, runs: Sequence[TaskRun], limit: int = 10_000
    ) -> dict[str, list[Stretch]]:
        """Return for task runs of a flow run (whole id) the times they spent in each state, by their ids.

        Together they may have come to `limit` states; later ones are left out.
        """
        return await histories.stretches(self._source, flow_run_id, runs, limit)

    async def task_run_names(self, flow_run_id: str, ids: Iterable[str]) -> dict[str, str]:
        """Return the names of these task runs of a flow run (whole ids), by their ids."""
        where = Conditions()
        where.add("run = ?", id_at_rest(flow_run_id))
        where.any_of("id", [id_at_rest(run_id) for run_id in ids])
        rows = await self._source.query(f"SELECT id, name FROM task_run {where.sql}", where.params)
        return {id_in_memory(run_id): name or "" for run_id, name in rows}
