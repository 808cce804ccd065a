"""Counter: a reactive condition at work; so many events within so many seconds."""

from bisect import bisect_left, insort

import msgspec

from segue_notifiers.firing import News
from segue_notifiers.rules.cause import KEPT, Cause, instant, microseconds
from segue_notifiers.rules.match import CompiledMatch
from segue_notifiers.rules.rule import Reactive


class CountMemory(msgspec.Struct, tag="count"):
    """When the events came that count (µs, in order), and the last of them."""

    times: list[int] = []
    news: list[News] = []


class Counter:
    """Counts events, and begins anew once there were enough."""

    def __init__(self, condition: Reactive) -> None:
        self._match = CompiledMatch(condition.on)
        self._count = condition.count
        self._within = microseconds(condition.within)

    def fresh(self) -> CountMemory:
        return CountMemory()

    def see(self, memory: CountMemory, news: News, now: int) -> list[Cause]:
        if not self._match.matches(news):
            return []
        at = instant(news, now)
        if self._count == 1:
            return [Cause(at=at, key=(news.event.id,), news=(news,))]
        # Events need not come in the order in which they happened.
        insort(memory.times, at)
        floor = memory.times[-1] - self._within
        del memory.times[: bisect_left(memory.times, floor)]
        memory.news = [one for one in (*memory.news, news) if instant(one, now) >= floor][-KEPT:]
        if len(memory.times) < self._count:
            return []
        kept = tuple(memory.news)
        memory.times, memory.news = [], []
        return [Cause(at=at, key=tuple(one.event.id for one in kept), news=kept, count=self._count)]

    def due(self, memory: CountMemory, now: int) -> list[Cause]:
        return []

    def next_due(self, memory: CountMemory) -> int | None:
        return None

    def is_idle(self, memory: CountMemory, newest: int) -> bool:
        return not memory.times or memory.times[-1] + self._within < newest
