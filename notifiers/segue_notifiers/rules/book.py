"""RuleBook: all rules at work; what comes goes in, what is to be told comes out. It has no clock: time is an argument.

`see` is for what comes, in the journal's order. `due` is for what time alone brings, and is to be asked only when all
that was committed before has been seen: else what has come in time would be said to be missing. Conditions go by the
instants at which events occurred, and pace, quiet hours and escalations by the instant `now` at which one would speak.
"""

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from segue_events import Event
from segue_notifiers.firing import Firing, News
from segue_notifiers.rules.index import Index
from segue_notifiers.rules.match import ACKNOWLEDGED, MUTED, is_own
from segue_notifiers.rules.rule import Rule
from segue_notifiers.rules.runner import Runner
from segue_notifiers.rules.timers import Timers

VERSION = 1


class RuleStatus(msgspec.Struct, frozen=True):
    """How a rule stands: muted until then (µs, 0 for not); its open groups; how much was not told and will not be."""

    name: str
    muted_until: int
    open_groups: tuple[tuple[str, ...], ...]
    suppressed: int


class _Snapshot(msgspec.Struct):
    version: int
    rules: dict[str, msgspec.Raw]


class RuleBook:
    """Rules, and all they remember. All instants are in µs since 1970."""

    def __init__(self, rules: Sequence[Rule], snapshot: bytes | None = None) -> None:
        """Begin with the rules that are enabled, where `snapshot` ended.

        What the snapshot does not know, or has of another rule of that name, begins anew.
        """
        known = _decoded(snapshot)
        rules = [rule for rule in rules if rule.enabled]
        self._runners = [Runner(rule, known.get(rule.name)) for rule in rules]
        self._index = Index(rules)
        self._timers = Timers[int]()
        for number in range(len(self._runners)):
            self._set_timer(number)

    def wants(self, event: Event) -> bool:
        """Whether the event has to be seen, as far as it alone tells; quickly."""
        if is_own(event.kind):
            return event.kind in (ACKNOWLEDGED, MUTED)
        return self._index.wants(event)

    def needs_subject(self, event: Event) -> bool:
        """Whether a rule asks for more of the event's subject than the event tells."""
        return not is_own(event.kind) and self._index.needs_subject(event)

    def see(self, news: News, now: int) -> list[Firing]:
        """Take note of the news, in the journal's order; return what is to be told of them."""
        if is_own(news.event.kind):
            self._obey(news.event, now)
            return []
        told: list[Firing] = []
        for number in self._index.find(news):
            told += self._runners[number].see(news, now)
            self._set_timer(number)
        return told

    def due(self, now: int) -> list[Firing]:
        """Return what time alone brings, once all that was committed before has been seen."""
        told: list[Firing] = []
        for number in self._timers.take(now):
            told += self._runners[number].due(now)
            self._set_timer(number)
        return told

    def next_due(self) -> int | None:
        """The instant at which `due` has something to say; it may have passed already. None for never."""
        return self._timers.next()

    def acknowledge(self, rule: str, group: tuple[str, ...] | None, now: int) -> None:
        """Escalate no further what the rule has told of the group; of all its groups, if it is None."""
        for number, runner in enumerate(self._runners):
            if runner.rule.name == rule:
                runner.acknowledge(group)
                self._set_timer(number)

    def mute(self, rule: str, until: int) -> None:
        """Let the rule tell nothing until then, and nothing of that later either; 0 lets it speak again."""
        for number, runner in enumerate(self._runners):
            if runner.rule.name == rule:
                runner.mute(until)
                self._set_timer(number)

    def status(self) -> list[RuleStatus]:
        """How each of the rules stands."""
        return [
            RuleStatus(runner.rule.name, runner.muted_until, runner.open_groups, runner.suppressed)
            for runner in self._runners
        ]

    def snapshot(self) -> bytes:
        """All that is remembered, as JSON: a RuleBook of the same rules that is given it goes on exactly."""
        rules = {runner.rule.name: msgspec.Raw(runner.snapshot()) for runner in self._runners}
        return msgspec.json.encode(_Snapshot(VERSION, rules))

    def _set_timer(self, number: int) -> None:
        self._timers.set(number, self._runners[number].next_due())

    def _obey(self, event: Event, now: int) -> None:
        rule: Any = event.payload.get("rule")
        if not isinstance(rule, str):
            return
        if event.kind == MUTED:
            until: Any = event.payload.get("until")
            self.mute(rule, until if isinstance(until, int) else 0)
        elif event.kind == ACKNOWLEDGED:
            group: Any = event.payload.get("group")
            values = cast("list[Any]", group) if isinstance(group, list | tuple) else None
            self.acknowledge(rule, None if values is None else tuple(map(str, values)), now)


def _decoded(snapshot: bytes | None) -> dict[str, bytes]:
    """What a snapshot has of each rule; nothing if it cannot be read."""
    try:
        decoded = msgspec.json.decode(snapshot or b"", type=_Snapshot)
    except msgspec.MsgspecError:
        return {}
    return {name: bytes(raw) for name, raw in decoded.rules.items()} if decoded.version == VERSION else {}
