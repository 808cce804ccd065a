"""Parts: a compound condition at work; so many of several conditions within some time."""

from typing import Any

import msgspec

from segue_notifiers.firing import News
from segue_notifiers.rules.cause import Cause, Watch, merged, microseconds
from segue_notifiers.rules.proactive import AfterMemory, Appointments, DailyMemory, Followers
from segue_notifiers.rules.reactive import Counter, CountMemory
from segue_notifiers.rules.rule import Compound, Condition, Proactive, Reactive, Sequence
from segue_notifiers.rules.sequence import ChainMemory, Chains

PartMemory = CountMemory | AfterMemory | DailyMemory | ChainMemory


class PartsMemory(msgspec.Struct, tag="parts"):
    """What each part remembers, and how it came true last."""

    parts: list[PartMemory] = []
    came: list[Cause | None] = []


Remembered = PartMemory | PartsMemory


class Parts:
    """Watches several conditions, and begins anew once enough of them have come true."""

    def __init__(self, condition: Compound) -> None:
        self._watches = [watch_of(part) for part in condition.parts]
        self._within = microseconds(condition.within)
        require = {"all": len(condition.parts), "any": 1}
        self._require = condition.require if isinstance(condition.require, int) else require[condition.require]

    def fresh(self) -> PartsMemory:
        return PartsMemory(parts=[watch.fresh() for watch in self._watches], came=[None] * len(self._watches))

    def see(self, memory: PartsMemory, news: News, now: int) -> list[Cause]:
        causes = [watch.see(part, news, now) for watch, part in zip(self._watches, memory.parts, strict=True)]
        return self._note(memory, causes)

    def due(self, memory: PartsMemory, now: int) -> list[Cause]:
        causes = [watch.due(part, now) for watch, part in zip(self._watches, memory.parts, strict=True)]
        return self._note(memory, causes)

    def next_due(self, memory: PartsMemory) -> int | None:
        dues = [watch.next_due(part) for watch, part in zip(self._watches, memory.parts, strict=True)]
        return min((due for due in dues if due is not None), default=None)

    def is_idle(self, memory: PartsMemory, newest: int) -> bool:
        if any(cause is not None and cause.at + self._within >= newest for cause in memory.came):
            return False
        return all(watch.is_idle(part, newest) for watch, part in zip(self._watches, memory.parts, strict=True))

    def _note(self, memory: PartsMemory, causes: list[list[Cause]]) -> list[Cause]:
        """Take note of what came true of each part; return what all of it amounts to."""
        by_time = [(cause.at, number, cause) for number, came in enumerate(causes) for cause in came]
        whole: list[Cause] = []
        for _, number, cause in sorted(by_time, key=lambda one: one[:2]):
            memory.came[number] = cause
            newest = max(came.at for came in memory.came if came is not None)
            recent = [came for came in memory.came if came is not None and came.at >= newest - self._within]
            if len(recent) >= self._require:
                whole.append(merged(sorted(recent, key=lambda came: came.at), newest))
                memory.came = [None] * len(self._watches)
        return whole


def watch_of(condition: Condition) -> Watch[Any]:
    """Return the condition at work."""
    if isinstance(condition, Reactive):
        return Counter(condition)
    if isinstance(condition, Sequence):
        return Chains(condition)
    if isinstance(condition, Proactive):
        if condition.by is not None:
            return Appointments(condition, condition.by)
        return Followers(condition, condition.after or condition.expect)
    return Parts(condition)


def is_standing(condition: Condition) -> bool:
    """Whether it has to be asked by time even if nothing has ever come."""
    if isinstance(condition, Compound):
        return any(is_standing(part) for part in condition.parts)
    return isinstance(condition, Proactive) and condition.by is not None
