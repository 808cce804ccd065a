"""Task counts: how many task runs of a flow run are in each type of state; counted anew when its events say so."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

from segue.projection import TYPE_CODES
from segue.states import StateType
from segue.store.filters import Conditions
from segue.store.source import Source
from segue_events.ids import id_at_rest

__all__ = ("TaskCounts",)

_TYPES = {code: kind for kind, code in TYPE_CODES.items()}
# Of so many flow runs the counts are kept, some 300 bytes each.
_KEPT = 5_000

_Stored = bytes | str


class _Counted(NamedTuple):
    """Counts, and the seq of the flow run's last event that they know of."""

    seq: int | None
    counts: dict[StateType, int]


class TaskCounts:
    """Counts task runs, and remembers the counts of flow runs in which nothing has happened since.

    A list of flow runs shows the counts of each, and to count ten thousand task runs takes milliseconds; to look
    whether there is an event that was not there before takes microseconds.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: OrderedDict[_Stored, _Counted] = OrderedDict()

    async def of(self, flow_run_ids: Sequence[str]) -> dict[str, dict[StateType, int]]:
        """Return how many task runs of each of these flow runs (whole ids) are in each type of state."""
        if not flow_run_ids:
            return {}
        stored = {run_id: id_at_rest(run_id) for run_id in flow_run_ids}
        seqs = await self._last_seqs(list(stored.values()))
        stale = [run for run in stored.values() if run not in self._kept or self._kept[run].seq != seqs.get(run)]
        fresh = await self._count(stale)
        found = {run_id: fresh[run] if run in fresh else self._kept[run].counts for run_id, run in stored.items()}
        for run in stored.values():
            if run in fresh:
                self._kept[run] = _Counted(seqs.get(run), fresh[run])
            self._kept.move_to_end(run)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return {run_id: dict(counts) for run_id, counts in found.items()}

    async def _last_seqs(self, runs: list[_Stored]) -> dict[_Stored, int]:
        where = Conditions()
        where.any_of("id", runs)
        newest = "SELECT max(seq) FROM event WHERE event.run = event_run.number"
        rows: list[Any] = await self._source.query(f"SELECT id, ({newest}) FROM event_run {where.sql}", where.params)
        return dict(rows)

    async def _count(self, runs: list[_Stored]) -> dict[_Stored, dict[StateType, int]]:
        counts: dict[_Stored, dict[StateType, int]] = {run: {} for run in runs}
        where = Conditions()
        where.any_of("run", runs)
        if runs:
            sql = f"SELECT run, type, COUNT(*) FROM task_run {where.sql} GROUP BY run, type ORDER BY run, type"
            for run, code, number in await self._source.query(sql, where.params):
                counts[run][_TYPES[code]] = number
        return counts
