"""Retention: deletes what is older than it has to be kept: runs that have ended, then the events of that time."""

from segue.projection import TYPE_CODES
from segue.run_events import flow_run_deleted, task_run_deleted
from segue.states import FINAL_TYPES
from segue.work.keeping import said_again
from segue_events import Bus
from segue_events.ids import id_in_memory
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("Retention",)

# Seconds until the next step: while there is more to delete, and when there is not.
_SOON, _LATER = 0.05, 3600.0
# What one step deletes at most: with 1,000 events, a commit waits 18 ms for it in one of a hundred cases, with 20,000
# 100 ms; and 16,000 a second go all the same.
_RUNS, _EVENTS = 20, 1_000

_DAY_US = 86_400 * 1_000_000
_FINAL = ", ".join(str(TYPE_CODES[kind]) for kind in sorted(FINAL_TYPES))

# Runs that ended before an instant, in whole trees: a subflow stays as long as the run at the top has not ended.
_ENDED = f"""
SELECT id FROM flow_run WHERE type IN ({_FINAL}) AND changed < ? AND NOT EXISTS (
    SELECT 1 FROM flow_run AS top WHERE top.id = flow_run.root AND top.type NOT IN ({_FINAL})
) LIMIT ?"""

# Task runs outside of flows; those of a flow run go with it.
_LOOSE_ENDED = f"SELECT id FROM task_run WHERE run = '' AND type IN ({_FINAL}) AND changed < ? LIMIT ?"

_FIRST_KEPT = """
SELECT min(first) FROM (
    SELECT min(first) AS first FROM flow_run WHERE flow IS NOT NULL
    UNION ALL SELECT min(first) FROM task_run WHERE run = '' AND task IS NOT NULL
)"""

# Of the oldest events, the first that is young, and the last of all. What claims to be of the future counts as old:
# one clock that was wrong must not keep everything after it for ever.
_OLDEST = """
SELECT min(CASE WHEN occurred BETWEEN ? AND ? THEN seq END), max(seq)
FROM (SELECT seq, occurred FROM event WHERE seq > (SELECT floor FROM journal) ORDER BY seq LIMIT ?)"""


class Retention:
    """A service that keeps runs for `days` after their end, and events for `days`; 0 keeps all for ever.

    Events of runs that are kept are kept too, and with them all that came after the first of these. Deployments and the
    like, of which no young event tells, are saved anew first.
    """

    name = "retention"

    def __init__(self, journal: SqliteJournal, bus: Bus, days: float) -> None:
        self._journal = journal
        self._bus = bus
        self._kept = round(days * _DAY_US)
        # The first event of the oldest run that is kept, while events are being deleted.
        self._first: int | None = None

    async def step(self, now: int) -> float:
        """See Service."""
        if not self._kept:
            return _LATER
        oldest = now - self._kept
        if self._first is None:
            if await self._delete_runs(oldest, now):
                return _SOON
            self._first = await self._first_kept()
        if await self._delete_events(oldest, now):
            return _SOON
        self._first = None
        return _LATER

    async def _delete_runs(self, oldest: int, now: int) -> bool:
        """Delete some of the runs that ended before `oldest`; return whether there were any."""
        flow_runs = await self._journal.query(_ENDED, (oldest, _RUNS))
        self._bus.publish_many([flow_run_deleted(id_in_memory(run_id), now) for (run_id,) in flow_runs])
        loose = await self._journal.query(_LOOSE_ENDED, (oldest, _RUNS))
        self._bus.publish_many([task_run_deleted(id_in_memory(run_id), now) for (run_id,) in loose])
        await self._bus.flushed()
        return bool(flow_runs or loose)

    async def _first_kept(self) -> int:
        [(first,)] = await self._journal.query(_FIRST_KEPT)
        return (await self._journal.head()).seq if first is None else first

    async def _delete_events(self, oldest: int, now: int) -> bool:
        """Delete some of the events before `oldest`; return whether there may be more to do."""
        [(young, last)] = await self._journal.query(_OLDEST, (oldest, now + _DAY_US, _EVENTS))
        if last is None or self._first is None:
            return False
        before = min(young or last + 1, self._first)
        if kept := await said_again(self._journal, before, now):
            self._bus.publish_many(kept)
            await self._bus.flushed()
            return True
        return await self._journal.delete_before(before) >= _EVENTS
