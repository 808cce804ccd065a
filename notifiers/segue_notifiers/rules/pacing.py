"""Pacer: how much a rule tells; what is above that, and what falls into quiet hours, it gathers for digests."""

import msgspec

from segue_notifiers.firing import Firing, News
from segue_notifiers.message import Severity
from segue_notifiers.rules.cause import KEPT, microseconds
from segue_notifiers.rules.identity import firing_id
from segue_notifiers.rules.quiet import quiet_until, worse
from segue_notifiers.rules.rule import Rule
from segue_notifiers.rules.timers import earlier


class Digest(msgspec.Struct):
    """What is told together at the instant `until` (µs). `first` is the id of the first firing in it."""

    until: int
    first: str
    severity: Severity = "info"
    count: int = 0
    news: list[News] = []

    def add(self, severity: Severity, count: int, news: tuple[News, ...]) -> None:
        """Take in so many causes, of which some are kept."""
        self.severity = worse(self.severity, severity)
        self.count += count
        self.news = [*self.news, *news][-KEPT:]


class PaceMemory(msgspec.Struct):
    """When the current span began (µs) and how much was told in it; what came above that, and in quiet hours."""

    begun: int = 0
    told: int = 0
    above: Digest | None = None
    quiet: Digest | None = None


class Pacer:
    """Lets pass, or gathers, what one rule has to tell."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._most = rule.pace.most
        self._per = microseconds(rule.pace.per)

    def admit(self, memory: PaceMemory, firing: Firing, now: int) -> list[Firing]:
        """Return what is to be told at `now` (µs): digests whose time has come, and the firing unless it is gathered.

        That all is well again is not held back, except by quiet hours.
        """
        told = self.due(memory, now)
        until = quiet_until(self._rule.quiet, firing.severity, now)
        if until is not None:
            memory.quiet = self._gathered(memory.quiet, firing, until)
        elif firing.reason != "recovered" and self._is_above(memory, now):
            memory.above = self._gathered(memory.above, firing, memory.begun + self._per)
        else:
            told.append(firing)
        return told

    def due(self, memory: PaceMemory, now: int) -> list[Firing]:
        """Return the digests whose time has come."""
        told: list[Firing] = []
        if memory.above is None and memory.quiet is None:
            return told
        for digest in self._ended(memory, now):
            firing = self._firing(digest, now)
            until = quiet_until(self._rule.quiet, firing.severity, now)
            if until is None:
                told.append(firing)
            else:
                memory.quiet = self._gathered(memory.quiet, firing, until)
        return told

    def next_due(self, memory: PaceMemory) -> int | None:
        """The instant (µs) of the next digest; None if there is nothing to be told in one."""
        above, quiet = memory.above, memory.quiet
        return earlier(above and above.until, quiet and quiet.until)

    def _ended(self, memory: PaceMemory, now: int) -> list[Digest]:
        """Take out the digests whose time has come."""
        ended: list[Digest] = []
        if memory.quiet is not None and memory.quiet.until <= now:
            ended.append(memory.quiet)
            memory.quiet = None
        if memory.above is not None and not now < memory.above.until <= now + self._per:
            ended.append(memory.above)
            memory.above = None
        return ended

    def _is_above(self, memory: PaceMemory, now: int) -> bool:
        if not self._most:
            return False
        # Nor does a span go on that begins later: the clock was set back.
        if not memory.begun <= now < memory.begun + self._per:
            memory.begun, memory.told = now, 0
        memory.told += 1
        return memory.told > self._most

    def _gathered(self, digest: Digest | None, firing: Firing, until: int) -> Digest:
        digest = digest or Digest(until=until, first=firing.id)
        digest.add(firing.severity, firing.count, firing.news)
        return digest

    def _firing(self, digest: Digest, now: int) -> Firing:
        return Firing(
            id=firing_id(self._rule.name, "digest", (), (digest.first,)),
            rule=self._rule.name,
            reason="digest",
            at=now,
            severity=digest.severity,
            news=tuple(digest.news),
            count=digest.count,
        )
