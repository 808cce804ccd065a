"""Leases: a run is its process's as long as that lives; one whose process is gone without a word has crashed."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from segue import run_events
from segue.exceptions import UnknownRun
from segue.projection import TYPE_CODES
from segue.states import State, StateType
from segue.store import Store
from segue_events import Bus, Event, Filter
from segue_events.ids import id_in_memory
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("Leases", "is_alive")

# Seconds between two looks.
_EVERY = 5.0
_PAGE = 200

# A paused run is nobody's: its process may have ended as it should.
_HELD = (StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)
_HELD_CODES = ", ".join(str(TYPE_CODES[kind]) for kind in _HELD)
_BEGUN = run_events.FLOW_RUN_KINDS[StateType.PENDING]


class _Lease(NamedTuple):
    run_id: str
    pid: int
    epoch: int


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number that has not ended; one that nobody has collected yet has."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        # The name, in parentheses, may hold anything; the state follows it.
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return True


class Leases:
    """A service that crashes the flow runs of this machine whose process is gone, with their task runs.

    `host` is this machine's name. A run of which the journal does not say that it was begun here is left alone: what
    lives on another machine cannot be seen from this one.
    """

    name = "leases"

    def __init__(self, journal: SqliteJournal, bus: Bus, host: str, alive: Callable[[int], bool] = is_alive) -> None:
        self._journal = journal
        self._store = Store(journal)
        self._bus = bus
        self._host = host
        self._alive = alive
        # Where each process has begun its run: it is read once for each.
        self._hosts: dict[_Lease, str] = {}

    async def step(self, now: int) -> float:
        """See Service."""
        leases = await self._leases()
        self._hosts = {
            lease: self._hosts[lease] if lease in self._hosts else await self._begun_at(lease) for lease in leases
        }
        for lease in leases:
            if self._hosts[lease] == self._host and not self._alive(lease.pid):
                await self._crash(lease, now)
        await self._bus.flushed()
        return _EVERY

    async def _leases(self) -> list[_Lease]:
        # A run that waits in line once more is nobody's: the process that it names is that of its last attempt.
        rows = await self._journal.query(
            f"SELECT id, pid, epoch FROM flow_run WHERE type IN ({_HELD_CODES}) AND pid > 0 AND flow IS NOT NULL"
            f" AND (type != {TYPE_CODES[StateType.SCHEDULED]} OR id NOT IN (SELECT run FROM work_item WHERE done = 0))"
        )
        return [_Lease(id_in_memory(run_id), pid, epoch) for run_id, pid, epoch in rows]

    async def _begun_at(self, lease: _Lease) -> str:
        # Whoever takes a run over says so with another such event.
        begun = await self._journal.read(filter=Filter(kinds=(_BEGUN,), runs=(lease.run_id,)))
        return next((event.payload["host"] for event in reversed(begun) if "host" in event.payload), "")

    async def _crash(self, lease: _Lease, now: int) -> None:
        # Read again: the process may have recorded the end of the run just before its own.
        try:
            run = await self._store.runs.flow_run(lease.run_id)
        except UnknownRun:
            return
        if run.state.type not in _HELD or run.pid != lease.pid:
            return
        crashed: State[Any] = State(
            StateType.CRASHED, "Crashed", f"Its process {lease.pid} on {self._host} is gone.", now
        )
        events: list[Event] = []
        cursor: str | None = None
        while True:
            page = await self._store.runs.task_runs(run.id, types=_HELD, limit=_PAGE, cursor=cursor)
            events += [run_events.task_run_state(task_run, crashed) for task_run in page.items]
            cursor = page.next
            if cursor is None:
                break
        self._bus.publish_many([*events, run_events.flow_run_state(run, crashed)])
