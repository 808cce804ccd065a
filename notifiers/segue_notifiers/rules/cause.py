"""Cause: why a condition holds, before anybody asks whether that is to be told."""

from typing import Literal, Protocol, TypeVar

import msgspec

from segue_notifiers.firing import News

SECOND = 1_000_000

# A cause keeps so many news, the latest ones; the others are only counted.
KEPT = 10

Memory = TypeVar("Memory")


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """A condition came to hold at the instant `at` (µs since 1970).

    `news` are the last of `count`. `key` is the same whenever the same cause is reckoned anew.
    """

    at: int
    key: tuple[str, ...]
    news: tuple[News, ...] = ()
    count: int = 1
    reason: Literal["matched", "missing"] = "matched"


class Watch(Protocol[Memory]):
    """A condition at work. What it remembers of a group is handed to it, so that it can be kept elsewhere."""

    def fresh(self) -> Memory:
        """What is remembered of a group of which nothing has been seen."""
        ...

    def see(self, memory: Memory, news: News, now: int) -> list[Cause]:
        """Take note of the news; return what came to hold by them."""
        ...

    def due(self, memory: Memory, now: int) -> list[Cause]:
        """Return what came to hold by time alone."""
        ...

    def next_due(self, memory: Memory) -> int | None:
        """The instant (µs) at which `due` has something to say, if nothing comes before; None for never."""
        ...

    def is_idle(self, memory: Memory, newest: int) -> bool:
        """Whether all can be forgotten once news of the instant `newest` (µs) have been seen."""
        ...


def instant(news: News, now: int) -> int:
    """When it happened, in µs; not in the future, where a clock that is wrong would take all that follows along."""
    return min(news.event.occurred, now)


def microseconds(seconds: float) -> int:
    """Seconds in the unit of instants."""
    return round(seconds * SECOND)


def merged(causes: list[Cause], at: int) -> Cause:
    """Several causes as one; news that are in more than one of them are kept once."""
    news = {one.event.id: one for cause in causes for one in cause.news}
    return Cause(
        at=at,
        key=tuple([part for cause in causes for part in cause.key][:KEPT]),
        news=tuple(news.values())[-KEPT:],
        count=sum(cause.count for cause in causes),
        reason="missing" if all(cause.reason == "missing" for cause in causes) else "matched",
    )
