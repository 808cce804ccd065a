"""Runner: one rule at work, from news to firings."""

import hashlib

import msgspec

from segue_notifiers.firing import Firing, News, Reason
from segue_notifiers.message import Severity
from segue_notifiers.rules.cause import Cause, instant, merged, microseconds
from segue_notifiers.rules.compound import is_standing, watch_of
from segue_notifiers.rules.escalation import Escalator
from segue_notifiers.rules.expectation import expectation
from segue_notifiers.rules.group import Group, Groups, Key, RuleMemory
from segue_notifiers.rules.grouping import grouping
from segue_notifiers.rules.identity import firing_id
from segue_notifiers.rules.match import CompiledMatch, is_part
from segue_notifiers.rules.pacing import Pacer
from segue_notifiers.rules.rule import Rule
from segue_notifiers.rules.timers import Timers, earlier


class Runner:
    """A rule with all it remembers. Instants are in µs since 1970."""

    def __init__(self, rule: Rule, snapshot: bytes | None = None) -> None:
        self.rule = rule
        self._watch = watch_of(rule.when)
        self._expected = expectation(rule.when)
        self._recovery = CompiledMatch(rule.recovery) if rule.recovery is not None else None
        self._group_of = grouping(rule.for_each)
        self._pacer = Pacer(rule)
        self._debounce, self._throttle = microseconds(rule.pace.debounce), microseconds(rule.pace.throttle)
        self._max_age = microseconds(rule.max_age)
        self._memory = _remembered(rule, snapshot)
        self._escalator = Escalator(rule, self._memory.alarms)
        self._groups = Groups(self._memory.groups, self._is_idle)
        self._timers = Timers[Key]()
        self._encoded: bytes | None = None
        self._now = 0
        if is_standing(rule.when) and self._groups.get(()) is None:
            self._groups.keep(self._new_group(()))
        for group in self._groups:
            self._set_timer(group)

    # --- what comes, and what time brings ---

    def see(self, news: News, now: int) -> list[Firing]:
        """Take note of the news; return what is to be told."""
        if not self.rule.parts and (news.subject.parent or is_part(news.event)):
            return []
        self._touch(now)
        key = self._group_of(news)
        group = self._groups.get(key) or self._new_group(key)
        group.lag = max(group.lag, now - instant(news, now))
        told: list[Firing] = []
        for cause in self._watch.see(group.memory, news, now):
            told += self._hold(group, cause, now)
        # Afterwards, since what was expected and comes too late is first missing, and then the good news.
        if self._recovery is not None and self._recovery.matches(news):
            told += self._recover(group, news, now)
        self._keep(group)
        return told

    def due(self, now: int) -> list[Firing]:
        """Return what is to be told since its time has come."""
        self._touch(now)
        told: list[Firing] = []
        for key in self._timers.take(now):
            if (group := self._groups.get(key)) is not None:
                told += self._due(group, now)
                self._keep(group)
        told += self._told(self._pacer.due(self._memory.pace, now), now)
        return told + self._escalator.due(now)

    def next_due(self) -> int | None:
        """The instant at which `due` has something to say."""
        groups = earlier(self._timers.next(), self._pacer.next_due(self._memory.pace))
        return earlier(groups, self._escalator.next_due())

    # --- what people ask for ---

    def acknowledge(self, group: Key | None) -> None:
        """Escalate no further what was told of the group; of all groups, if it is None."""
        self._encoded = None
        self._escalator.stop(group)

    def mute(self, until: int) -> None:
        """Tell nothing until then; what would have been told is not told later either. It acknowledges all, too."""
        self._memory.muted_until = until
        if until:
            self._escalator.stop(None)
        self._encoded = None

    @property
    def muted_until(self) -> int:
        """Until when nothing is told; 0 if it was not muted."""
        return self._memory.muted_until

    @property
    def suppressed(self) -> int:
        """How many causes were not told, and will not be."""
        return self._memory.suppressed

    @property
    def open_groups(self) -> tuple[Key, ...]:
        """The groups of which something was told, and which have not recovered, or nobody acknowledged."""
        alarmed = [alarm.firing.group for alarm in self._escalator.alarms]
        return tuple(dict.fromkeys([*(group.key for group in self._groups if group.open), *alarmed]))

    def snapshot(self) -> bytes:
        """All that is remembered, as JSON."""
        if self._encoded is None:
            self._memory.alarms, self._memory.groups = self._escalator.alarms, list(self._groups)
            self._encoded = msgspec.json.encode(self._memory)
        return self._encoded

    # --- from a cause to what is told ---

    def _due(self, group: Group, now: int) -> list[Firing]:
        told: list[Firing] = []
        for cause in self._watch.due(group.memory, now):
            told += self._hold(group, cause, now)
        if group.pending is not None and group.still_at <= now:
            pending, group.pending = group.pending, None
            told += self._pass(group, pending, now)
        return told

    def _hold(self, group: Group, cause: Cause, now: int) -> list[Firing]:
        """Hold the cause back until its group is still."""
        if cause.at < now - self._max_age:
            return self._suppress(cause.count)
        if not self._debounce:
            return self._pass(group, cause, now)
        group.pending = cause if group.pending is None else merged([group.pending, cause], cause.at)
        group.still_at = now + self._debounce
        return []

    def _pass(self, group: Group, cause: Cause, now: int) -> list[Firing]:
        """Let the cause pass unless its group is to be silent."""
        # A silence longer than the rule has is one of before the clock was set back.
        if self._is_muted(now) or now < group.silent_until <= now + self._throttle:
            return self._suppress(cause.count)
        group.silent_until = now + self._throttle
        group.open = self._recovery is not None
        return self._tell(self._firing(group, cause, cause.reason, self.rule.severity), now)

    def _recover(self, group: Group, news: News, now: int) -> list[Firing]:
        was_open = group.open
        group.open = False
        self._escalator.stop(group.key)
        if self.rule.escalate and not any(other.open for other in self._groups):
            # A digest is of several groups, and belongs to none of them.
            self._escalator.stop(())
        if group.pending is not None:
            # It was over before it was told.
            self._suppress(group.pending.count)
            group.pending = None
        cause = Cause(at=instant(news, now), key=(news.event.id,), news=(news,))
        if not was_open or self._is_muted(now) or cause.at < now - self._max_age:
            return []
        return self._tell(self._firing(group, cause, "recovered", "success"), now)

    def _tell(self, firing: Firing, now: int) -> list[Firing]:
        return self._told(self._pacer.admit(self._memory.pace, firing, now), now)

    def _told(self, firings: list[Firing], now: int) -> list[Firing]:
        """Of what passed, return what is told indeed, and see to it that it is escalated."""
        if self._is_muted(now):
            return self._suppress(sum(firing.count for firing in firings))
        for firing in firings:
            self._escalator.begin(firing, now)
        return firings

    def _firing(self, group: Group, cause: Cause, reason: Reason, severity: Severity) -> Firing:
        return Firing(
            id=firing_id(self.rule.name, reason, group.key, cause.key),
            rule=self.rule.name,
            reason=reason,
            at=self._now,
            group=group.key,
            severity=severity,
            news=cause.news,
            count=cause.count,
            expected=self._expected if reason == "missing" else "",
        )

    # --- what is remembered ---

    def _touch(self, now: int) -> None:
        self._now, self._encoded = now, None

    def _is_muted(self, now: int) -> bool:
        return now < self._memory.muted_until

    def _suppress(self, count: int) -> list[Firing]:
        self._memory.suppressed += count
        return []

    def _new_group(self, key: Key) -> Group:
        return Group(key=key, memory=self._watch.fresh())

    def _is_idle(self, group: Group) -> bool:
        # What comes as late as the last news did is still to be counted together with them.
        return group.is_idle(self._now) and self._watch.is_idle(group.memory, self._now - group.lag)

    def _keep(self, group: Group) -> None:
        if self._is_idle(group):
            self._groups.forget(group.key)
            self._timers.set(group.key, None)
            return
        for gone in self._groups.keep(group):
            self._timers.set(gone.key, None)
            if gone.pending is not None:
                self._suppress(gone.pending.count)
        self._set_timer(group)

    def _set_timer(self, group: Group) -> None:
        still_at = None if group.pending is None else group.still_at
        self._timers.set(group.key, earlier(still_at, self._watch.next_due(group.memory)))


def _remembered(rule: Rule, snapshot: bytes | None) -> RuleMemory:
    """What was remembered, if it belongs to such a rule."""
    meaning = (rule.when, rule.for_each, rule.recovery, rule.escalate)
    fingerprint = hashlib.sha256(msgspec.json.encode(meaning)).hexdigest()[:16]
    if snapshot is not None:
        try:
            memory = msgspec.json.decode(snapshot, type=RuleMemory)
        except msgspec.MsgspecError:
            return RuleMemory(fingerprint=fingerprint)
        if memory.fingerprint == fingerprint:
            return memory
        return RuleMemory(fingerprint=fingerprint, muted_until=memory.muted_until)
    return RuleMemory(fingerprint=fingerprint)
