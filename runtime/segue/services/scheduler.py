"""Scheduler: has deployments run at the instants of their schedules."""

import heapq
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import anyio

from segue.exceptions import UnknownRun, WorkError
from segue.records import FlowRun
from segue.records.work import Schedule, WorkItem
from segue.scheduling.policy import due_by, late_after
from segue.scheduling.requests import BACKFILL, request_of
from segue.services.timetable import Timer, Timetable
from segue.store import Store
from segue.work.local import LocalWork
from segue.work_events import DEPLOYMENT_DELETED, DEPLOYMENT_SAVED, schedule_passed
from segue_events import Bus, Clock, Filter
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("Scheduler",)

_LOGGER = logging.getLogger("segue.services")

# Seconds between two looks: a new deployment's first run may be so late. Each costs a tenth of a millisecond.
_EVERY = 0.5
# What every so many looks ask the database; between these, they see that nothing has written its log.
_SURE = 4
# A clock that is back by so many µs was set.
_SET_BACK = 1_000_000
# Runs that are asked for side by side: their commits become one.
_AT_A_TIME = 64
_PAGE = 1000
_SAVED = Filter(kinds=(DEPLOYMENT_DELETED, DEPLOYMENT_SAVED))


class Scheduler:
    """A service that asks for the run of each instant when that comes, and cancels runs that it would be too late for.

    Several may work upon one journal: an instant has one run, whoever asks for it. It wakes at the next instant, and
    every so many seconds to look for deployments that were saved, runs that have ended, and a clock that was set.
    """

    name = "scheduler"

    def __init__(self, work: LocalWork, journal: SqliteJournal, bus: Bus, clock: Clock, every: float = _EVERY) -> None:
        self._work = work
        self._journal = journal
        self._records = Store(journal)
        self._bus = bus
        self._clock = clock
        self._every = every
        self._table = Timetable()
        # When runs that wait are too late.
        self._lates: list[tuple[int, str]] = []
        self._seen: int | None = None
        self._now = 0
        self._log = Path(f"{journal.path}-wal")
        self._log_was: tuple[int, int] | None = None
        self._looks = 0

    async def step(self, now: int) -> float:
        """See Service."""
        await self._look()
        if now < self._now - _SET_BACK:
            self._table.set_back(now)
        self._now = now
        await self._fire(now)
        await self._expire(now)
        await self._bus.flushed()
        instants = [at for at in (self._table.next, self._lates[0][0] if self._lates else None) if at is not None]
        left = (min(instants) - self._clock.now_us()) / 1e6 if instants else self._every
        return max(0.0, min(left, self._every))

    # --- what there is ---

    async def _look(self) -> None:
        """Take over what was saved since the last look; all there is at the first."""
        self._looks += 1
        # Asked for first: what is written after that counts for the next look.
        if not self._is_log_changed() and self._looks % _SURE:
            return
        head = (await self._journal.head()).seq
        if self._seen is None:
            await self._load()
        elif head > self._seen:
            while events := await self._journal.read(self._seen, _SAVED, _PAGE):
                for deployment_id in dict.fromkeys(event.subject for event in events):
                    await self._reload(deployment_id)
                self._seen = events[-1].seq
        self._seen = max(head, self._seen or 0)

    def _is_log_changed(self) -> bool:
        """Whether anything may have been committed since this was asked last; it costs no query."""
        try:
            found = os.stat(self._log)
        except OSError:
            return True
        before, self._log_was = self._log_was, (found.st_mtime_ns, found.st_size)
        return before != self._log_was

    async def _load(self) -> None:
        marks = await self._work.store.marks()
        for deployment in await self._work.store.deployments():
            # A mark is when the last run was due, at most the jitter after its instant. What is asked for again is one.
            known = {one.id: marks.get((deployment.id, one.id), 0) - _jitter(one) for one in deployment.schedules}
            self._tell(deployment.full_name, self._table.enter(deployment, known))
        for timer in self._table:
            if timer.schedule.max_lateness is not None:
                for item in await self._open(timer):
                    self._remember(timer.schedule, item.run_id, item.due)

    async def _reload(self, deployment_id: str) -> None:
        deployment = await self._work.store.deployment(deployment_id)
        if deployment is None:
            self._table.drop(deployment_id)
            return
        self._tell(deployment.full_name, self._table.enter(deployment))
        kept = {"", *(schedule.id for schedule in deployment.schedules)}
        for item in await self._work.store.open_items(deployment_id):
            if item.schedule_id not in kept and not item.worker_id:
                run = await self._not_begun(item.run_id)
                if run is not None:
                    await self._cancel(run.id, "Its schedule was deleted before it had begun.")

    def _tell(self, deployment: str, wrong: Mapping[str, WorkError]) -> None:
        for schedule_id, error in wrong.items():
            _LOGGER.error("The schedule '%s' of deployment '%s' is left out. %s", schedule_id, deployment, error)

    # --- what is due ---

    async def _fire(self, now: int) -> None:
        """Deal with each timer that is due, or holds runs back; raises what went wrong once all were dealt with."""
        due = self._table.due(now)
        failures: list[Exception] = []
        limiter = anyio.CapacityLimiter(_AT_A_TIME)

        async def deal(timer: Timer, is_due: bool) -> None:
            async with limiter:
                try:
                    await (self._pass(timer, now) if is_due else self._release(timer, now))
                except Exception as error:
                    failures.append(error)
            if is_due:
                self._table.wind(timer)

        if not due and not self._table.holding:
            return
        async with anyio.create_task_group() as group:
            for timer in self._table.holding - set(due):
                group.start_soon(deal, timer, False)
            for timer in due:
                group.start_soon(deal, timer, True)
        if failures:
            raise failures[0]

    async def _pass(self, timer: Timer, now: int) -> None:
        """Let the timer's instants up to `now` be run, or not, as its schedule says."""
        schedule = timer.schedule
        due = due_by(schedule, timer.instants, timer.after, now)
        if due.last is None:
            return
        is_last_run = False
        if schedule.overlap == "queue":
            self._table.hold(timer, due.chosen)
            await self._release(timer, now)
            is_last_run = bool(due.chosen)
        else:
            for at in due.chosen:
                is_last_run = await self._run(timer, at) and at == due.last
        if not is_last_run:
            self._skip(timer, due.last)
        timer.after = max(timer.after, due.last)

    async def _release(self, timer: Timer, now: int) -> None:
        """Let the first of those held back run, if the one before has ended."""
        while timer.held and not await self._open(timer):
            at = timer.held[0]
            late = late_after(timer.schedule, at)
            if late is not None and late < now:
                self._skip(timer, at)
            else:
                await self._run(timer, at)
            # Only now: it is tried again if it could not be asked for.
            self._table.release(timer, at)

    async def _run(self, timer: Timer, at: int) -> bool:
        """Ask for the run of an instant, unless the schedule lets the ones before go first; return whether it is."""
        schedule, deployment = timer.schedule, timer.deployment
        request = request_of(deployment.id, schedule, at)
        before = [] if schedule.overlap == "allow" else await self._open(timer)
        others = [item for item in before if item.due != request.due]
        if others and schedule.overlap == "skip":
            return False
        if schedule.overlap == "cancel-running":
            for item in others:
                await self._cancel(item.run_id, "The next run of its schedule was due.")
        try:
            run = await self._work.create_run(request)
        except WorkError as error:
            _LOGGER.error("The schedule '%s' of '%s' has no run. %s", schedule.id, deployment.full_name, error)
            return False
        self._remember(schedule, run.id, request.due or at)
        return True

    async def _open(self, timer: Timer) -> list[WorkItem]:
        """Return the runs of a schedule that have not ended."""
        return await self._work.store.open_items(timer.deployment.id, timer.schedule.id)

    def _skip(self, timer: Timer, at: int) -> None:
        """Keep in mind over a restart that the instants up to `at` have no run, or have one."""
        passed = at + _jitter(timer.schedule)
        self._bus.publish(schedule_passed(timer.deployment.id, timer.schedule.id, passed, self._clock.now_us()))

    # --- what is too late ---

    def _remember(self, schedule: Schedule, run_id: str, due: int) -> None:
        late = late_after(schedule, due)
        if late is not None:
            heapq.heappush(self._lates, (late, run_id))

    async def _expire(self, now: int) -> None:
        """Cancel the runs that wait and should have begun by now."""
        while self._lates and self._lates[0][0] <= now:
            _, run_id = self._lates[0]
            item = await self._work.store.item(run_id)
            if item is not None and not item.done and not item.worker_id:
                run = await self._not_begun(run_id)
                if run is not None and BACKFILL not in run.tags:
                    await self._cancel(run_id, "It could not begin as soon as its schedule wants.")
            heapq.heappop(self._lates)

    async def _not_begun(self, run_id: str) -> FlowRun | None:
        """Return a run that was never begun; None for one that waits for another attempt, or was deleted."""
        try:
            run = await self._records.runs.flow_run(run_id)
        except UnknownRun:
            return None
        return run if run.started is None else None

    async def _cancel(self, run_id: str, reason: str) -> None:
        try:
            await self._work.cancel_run(run_id, "its schedule", reason)
        except UnknownRun:
            _LOGGER.debug("The run %s was deleted before its schedule could cancel it.", run_id)


def _jitter(schedule: Schedule) -> int:
    return round(schedule.jitter * 1e6)
