"""Deadlines: a proactive condition at work; what was expected and has not come."""

import msgspec

from segue_notifiers.firing import News
from segue_notifiers.rules.cause import SECOND, Cause, instant, microseconds
from segue_notifiers.rules.daily import next_time
from segue_notifiers.rules.match import CompiledMatch
from segue_notifiers.rules.rule import A_DAY, Daily, Match, Proactive

# What happened in time may be committed a little later, so one waits for so long before one says that it is missing.
GRACE = 2 * SECOND

# A group has so many deadlines at most; further events wait for what those before them wait for anyway.
MAX_WAITING = 100


class Waiting(msgspec.Struct, frozen=True):
    """Since `news` came, something is expected until `deadline` (µs since 1970)."""

    deadline: int
    news: News


class AfterMemory(msgspec.Struct, tag="after"):
    """What is waited for, the earliest deadline first."""

    waiting: list[Waiting] = []


class Followers:
    """After such an event, another is expected."""

    def __init__(self, condition: Proactive, after: Match) -> None:
        self._after = CompiledMatch(after)
        self._expect = CompiledMatch(condition.expect)
        self._within = microseconds(condition.within)

    def fresh(self) -> AfterMemory:
        return AfterMemory()

    def see(self, memory: AfterMemory, news: News, now: int) -> list[Cause]:
        at = instant(news, now)
        missing: list[Cause] = []
        if memory.waiting and self._expect.matches(news):
            missing = self._overdue(memory, at)
            memory.waiting = [one for one in memory.waiting if one.deadline - self._within > at]
        if len(memory.waiting) < MAX_WAITING and self._after.matches(news):
            memory.waiting.append(Waiting(at + self._within, news))
            memory.waiting.sort(key=lambda one: one.deadline)
        return missing

    def due(self, memory: AfterMemory, now: int) -> list[Cause]:
        return self._overdue(memory, now - GRACE + 1)

    def next_due(self, memory: AfterMemory) -> int | None:
        return memory.waiting[0].deadline + GRACE if memory.waiting else None

    def is_idle(self, memory: AfterMemory, newest: int) -> bool:
        return not memory.waiting

    def _overdue(self, memory: AfterMemory, at: int) -> list[Cause]:
        """Take out what should have come before `at`."""
        overdue = [one for one in memory.waiting if one.deadline < at]
        memory.waiting = memory.waiting[len(overdue) :]
        return [Cause(at=one.deadline, key=(one.news.event.id,), news=(one.news,), reason="missing") for one in overdue]


class DailyMemory(msgspec.Struct, tag="daily"):
    """Since when (µs) one has been watching, the next deadline, and when the expected came last; 0 for not yet."""

    since: int = 0
    deadline: int = 0
    latest: int = 0


class Appointments:
    """By some time of the day an event is expected."""

    def __init__(self, condition: Proactive, by: Daily) -> None:
        self._expect = CompiledMatch(condition.expect)
        self._by = by
        self._within = microseconds(condition.within or A_DAY)

    def fresh(self) -> DailyMemory:
        return DailyMemory()

    def see(self, memory: DailyMemory, news: News, now: int) -> list[Cause]:
        self._begin(memory, now)
        if not self._expect.matches(news):
            return []
        at = instant(news, now)
        missing = self._overdue(memory, at)
        memory.latest = max(memory.latest, at)
        return missing

    def due(self, memory: DailyMemory, now: int) -> list[Cause]:
        self._begin(memory, now)
        return self._overdue(memory, now - GRACE + 1)

    def next_due(self, memory: DailyMemory) -> int | None:
        # Before one knows what time it is, one has to be asked at once.
        return memory.deadline + GRACE if memory.since else 0

    def is_idle(self, memory: DailyMemory, newest: int) -> bool:
        return False

    def _begin(self, memory: DailyMemory, now: int) -> None:
        if not memory.since:
            memory.since, memory.deadline = now, next_time(self._by, now)

    def _overdue(self, memory: DailyMemory, at: int) -> list[Cause]:
        """Let the deadlines before `at` pass; return those until which nothing came."""
        missing: list[Cause] = []
        while memory.deadline < at:
            begin = memory.deadline - self._within
            # Of what came before one was watching, nothing can be said.
            if begin >= memory.since and not begin < memory.latest <= memory.deadline:
                missing.append(Cause(at=memory.deadline, key=(str(memory.deadline),), reason="missing"))
            memory.deadline = next_time(self._by, memory.deadline)
        return missing
