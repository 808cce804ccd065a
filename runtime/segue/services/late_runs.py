"""Late runs: marks scheduled flow runs that have not begun some time after they should have."""

from typing import Any

from segue import run_events
from segue.exceptions import UnknownRun
from segue.projection import TYPE_CODES
from segue.states import State, StateDetails, StateType, instant, microseconds
from segue.store import Store
from segue.store.source import event_at
from segue_events import Bus
from segue_events.ids import id_in_memory
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("LateRuns",)

LATE = "Late"
# Seconds between two looks; scheduled runs that are looked at.
_EVERY = 5.0
_MOST = 10_000


class LateRuns:
    """A service that gives the state Late to flow runs that were due `after` seconds ago and are Scheduled still."""

    name = "late-runs"

    def __init__(self, journal: SqliteJournal, bus: Bus, after: float) -> None:
        self._journal = journal
        self._store = Store(journal)
        self._bus = bus
        self._after = round(after * 1e6)
        # When runs are due, by the seq of the event that says so: it is read once for each.
        self._due: dict[int, int | None] = {}

    async def step(self, now: int) -> float:
        """See Service."""
        # The table leaves out the default name of a type: what waits for another attempt, or is late already, has one.
        rows = await self._journal.query(
            "SELECT id, last FROM flow_run WHERE type = ? AND state IS NULL AND flow IS NOT NULL"
            " ORDER BY created LIMIT ?",
            (TYPE_CODES[StateType.SCHEDULED], _MOST),
        )
        self._due = {last: self._due[last] if last in self._due else await self._told(last) for _, last in rows}
        for run_id, last in rows:
            due = self._due[last]
            if due is not None and due + self._after <= now:
                await self._mark(id_in_memory(run_id), due, now)
        await self._bus.flushed()
        return _EVERY

    async def _told(self, seq: int) -> int | None:
        """Return when the run of an event is due, in µs since the epoch; None where it does not say."""
        event = await event_at(self._journal, seq)
        state = None if event is None else run_events.state_of(event)
        due = None if state is None or state.details is None else state.details.scheduled_time
        return None if due is None else microseconds(due)

    async def _mark(self, run_id: str, due: int, now: int) -> None:
        try:
            run = await self._store.runs.flow_run(run_id)
        except UnknownRun:
            return  # somebody has deleted it
        if run.state.type is StateType.SCHEDULED:
            message = f"It was due {(now - due) // 1_000_000} s ago and has not begun."
            details = StateDetails(scheduled_time=instant(due))
            late: State[Any] = State(StateType.SCHEDULED, LATE, message, now, details=details)
            self._bus.publish(run_events.flow_run_state(run, late))
