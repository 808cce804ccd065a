"""Escalator: tells further people of what nobody has acknowledged."""

from collections.abc import Iterable

import msgspec

from segue_notifiers.firing import Firing
from segue_notifiers.message import Severity
from segue_notifiers.rules.cause import microseconds
from segue_notifiers.rules.identity import firing_id
from segue_notifiers.rules.quiet import quiet_until
from segue_notifiers.rules.rule import Escalation, Rule
from segue_notifiers.rules.timers import Timers

Key = tuple[str, ...]

# So many alarms of a rule can be pending; if there are more, so many of those that began first are given up.
MAX_ALARMS = 10_000
GIVEN_UP = 1_000


class Alarm(msgspec.Struct):
    """What was told at the instant `since` (µs), escalated `level` times so far, and held back until `held`."""

    firing: Firing
    since: int
    level: int = 0
    held: int = 0


class Escalator:
    """The alarms of one rule, one per group. Instants are in µs since 1970."""

    def __init__(self, rule: Rule, alarms: Iterable[Alarm] = ()) -> None:
        self._rule = rule
        self._steps = rule.escalate
        self._alarms = {alarm.firing.group: alarm for alarm in alarms if alarm.level < len(self._steps)}
        self._timers = Timers[Key]()
        for alarm in self._alarms.values():
            self._set_timer(alarm)

    @property
    def alarms(self) -> list[Alarm]:
        """What nobody has acknowledged, the oldest first."""
        return list(self._alarms.values())

    def begin(self, firing: Firing, now: int) -> None:
        """Take note of what is told at `now`. An alarm that its group has goes on: the first telling counts."""
        if not self._steps or firing.reason == "recovered" or firing.group in self._alarms:
            return
        if len(self._alarms) >= MAX_ALARMS:
            for oldest in list(self._alarms)[:GIVEN_UP]:
                self.stop(oldest)
        alarm = self._alarms[firing.group] = Alarm(firing=firing, since=now)
        self._set_timer(alarm)

    def stop(self, group: Key | None) -> None:
        """End the alarm of the group; those of all groups, if it is None."""
        for key in list(self._alarms) if group is None else [group]:
            if self._alarms.pop(key, None) is not None:
                self._timers.set(key, None)

    def next_due(self) -> int | None:
        """The instant of the next step; None if no alarm is pending."""
        return self._timers.next()

    def due(self, now: int) -> list[Firing]:
        """Return what is to be told at `now`."""
        return [firing for key in self._timers.take(now) for firing in self._advance(self._alarms[key], now)]

    def _advance(self, alarm: Alarm, now: int) -> list[Firing]:
        """Take the steps of an alarm whose time has come."""
        told: list[Firing] = []
        while self._next_step(alarm) <= now:
            step = self._steps[alarm.level]
            # Escalating means to wake somebody; quiet hours put that off.
            until = quiet_until(self._rule.quiet, self._severity(step), now)
            if until is not None:
                alarm.held = until
                break
            alarm.level += 1
            told.append(self._firing(alarm, step, now))
            if alarm.level == len(self._steps):
                del self._alarms[alarm.firing.group]
                return told
        self._set_timer(alarm)
        return told

    def _next_step(self, alarm: Alarm) -> int:
        return max(alarm.held, alarm.since + microseconds(self._steps[alarm.level].after))

    def _set_timer(self, alarm: Alarm) -> None:
        self._timers.set(alarm.firing.group, self._next_step(alarm))

    def _severity(self, step: Escalation) -> Severity:
        return step.severity or self._rule.severity

    def _firing(self, alarm: Alarm, step: Escalation, now: int) -> Firing:
        return msgspec.structs.replace(
            alarm.firing,
            id=firing_id(self._rule.name, "escalated", alarm.firing.group, (alarm.firing.id,), alarm.level),
            reason="escalated",
            at=now,
            severity=self._severity(step),
            tags=step.tags,
            level=alarm.level,
        )
