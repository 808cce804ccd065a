"""Timetable: the schedules that are active, by when each of them is next due."""

import heapq
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from segue.exceptions import InvalidWork
from segue.records.work import Deployment, Schedule
from segue.scheduling.instants import Instants, instants_of

__all__ = ("Timer", "Timetable")


@dataclass(slots=True, eq=False)
class Timer:
    """A schedule of a deployment. Its instants up to `after` are dealt with, but for those `held` back."""

    deployment: Deployment
    schedule: Schedule
    instants: Instants
    after: int
    held: list[int] = field(default_factory=list[int])


class Timetable:
    """A heap of timers. Who takes one that is due winds it up again, with what it is after then.

    `holding` are the timers that hold instants back.
    """

    def __init__(self) -> None:
        self._timers: dict[str, dict[str, Timer]] = {}
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = itertools.count()
        self.holding: set[Timer] = set()

    def __iter__(self) -> Iterator[Timer]:
        return (timer for timers in self._timers.values() for timer in timers.values())

    @property
    def next(self) -> int | None:
        """When the first timer is due; None if none ever is. Those that were dropped count until they come up."""
        return self._heap[0][0] if self._heap else None

    def enter(self, deployment: Deployment, marks: Mapping[str, int] | None = None) -> dict[str, InvalidWork]:
        """Take the schedules of a deployment in place of those it had; return the ids of those that cannot work.

        A schedule that has not changed goes on where it is. Another begins after its mark, or after the deployment was
        saved: what would have been before is not missed.
        """
        marks = marks or {}
        before = self._timers.pop(deployment.id, {})
        timers: dict[str, Timer] = {}
        wrong: dict[str, InvalidWork] = {}
        for schedule in deployment.schedules if not deployment.paused else ():
            if not schedule.active:
                continue
            known = before.get(schedule.id)
            if known is not None and _timing(known.schedule) == _timing(schedule):
                known.deployment, known.schedule = deployment, schedule
                timers[schedule.id] = known
                continue
            try:
                instants = instants_of(schedule)
            except InvalidWork as error:
                wrong[schedule.id] = error
                continue
            after = max(marks.get(schedule.id, 0), deployment.updated)
            timers[schedule.id] = Timer(deployment, schedule, instants, after)
            self.wind(timers[schedule.id])
        if timers:
            self._timers[deployment.id] = timers
        self.holding -= {timer for timer in before.values() if timers.get(timer.schedule.id) is not timer}
        return wrong

    def drop(self, deployment_id: str) -> None:
        """Forget the schedules of a deployment."""
        self.holding -= set(self._timers.pop(deployment_id, {}).values())

    def wind(self, timer: Timer) -> None:
        """Let the timer be due at its next instant."""
        at = timer.instants.next_after(timer.after)
        if at is not None:
            heapq.heappush(self._heap, (at, next(self._numbers), timer))

    def due(self, now: int) -> list[Timer]:
        """Take the timers that are due."""
        found: list[Timer] = []
        while self._heap and self._heap[0][0] <= now:
            _, _, timer = heapq.heappop(self._heap)
            if self._timers.get(timer.deployment.id, {}).get(timer.schedule.id) is timer:
                found.append(timer)
        return found

    def hold(self, timer: Timer, instants: Sequence[int]) -> None:
        """Hold these instants back, of all that the timer holds the last `catchup_limit`."""
        timer.held = [*timer.held, *instants][-timer.schedule.catchup_limit :]
        if timer.held:
            self.holding.add(timer)

    def release(self, timer: Timer, at: int) -> None:
        """Hold an instant back no more."""
        timer.held.remove(at)
        if not timer.held:
            self.holding.discard(timer)

    def set_back(self, now: int) -> None:
        """Begin again at `now`, which is before what was dealt with: the clock was set back."""
        self._heap.clear()
        for timer in self:
            timer.after = min(timer.after, now)
            self.wind(timer)


def _timing(schedule: Schedule) -> Schedule:
    """Return what a schedule says of its instants."""
    return msgspec.structs.replace(schedule, parameters={}, catchup="latest", catchup_limit=1, overlap="allow")
