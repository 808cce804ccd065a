"""Short forms: what people write in files for targets and rules, made into what the types hold.

url: …                          a target may be its URL alone: `oncall: slack://…`
timeout: 15m                    spans of time in s, m, h, d, or as a number of seconds
tags: oncall                    one text where a list is meant
kinds: failed                   a state's name, for runs of flows and of tasks
at: "06:00"                     a time of day without seconds
on: failed                      rule: `when: {type: reactive, on: {kinds: failed}}`, with `count` and `within`
expect: {…}                     rule: `when: {type: proactive, …}`, with `after`, `by` and `within`
kinds: task-run.failed          rule: `parts: true`, if it looks at task runs only: they are within flows mostly
notify: oncall                  rule: `actions: [{action: notify, tags: [oncall]}]`
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from segue.exceptions import SettingsError
from segue.states import StateType

Table = dict[str, Any]

SPANS = ("within", "after", "debounce", "throttle", "per", "max_age", "timeout")
LISTS = ("tags", "kinds", "states", "flows", "deployments", "runs", "subjects", "for_each", "attach", "days")
TIMES = ("at", "begin", "end")
MATCHES = ("on", "expect", "recovery", "after", "steps")
# What lies in these is the user's own and is not looked into.
OWN = ("labels", "parameters")

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
RUNS = ("flow-run.*", "task-run.*")
STATES = {kind.value.lower() for kind in StateType}

_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_SPANS = re.compile(rf"(?:{_SPAN.pattern})+")
_SHORT_TIME = re.compile(r"\d\d:\d\d")


def seconds(text: str) -> float:
    """Read a span of time: "90s", "15m", "1h 30m", "1d", or a plain number of seconds; raises SettingsError."""
    if _SPANS.fullmatch(text):
        return sum(float(number) * UNITS[unit] for number, unit in _SPAN.findall(text))
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{text[:60]!r} is no span of time; write 90s, 15m, 24h or 7d.")
    return number


def target_form(value: object) -> object:
    """The whole form of a target."""
    return _whole({"url": value} if isinstance(value, str) else value)


def rule_form(value: object) -> object:
    """The whole form of a rule."""
    if not isinstance(value, Mapping):
        return value
    rule = dict(cast("Mapping[str, Any]", value))
    for short, kind, others in (("on", "reactive", ("count", "within")), ("expect", "proactive", _WITH_EXPECT)):
        if short in rule and "when" not in rule:
            parts = {key: rule.pop(key) for key in (short, *others) if key in rule}
            rule["when"] = {"type": kind, **parts}
    if "notify" in rule and "actions" not in rule:
        rule["actions"] = [{"action": "notify", "tags": rule.pop("notify")}]
    whole = cast("Table", _whole(rule))
    kinds = list(_kinds_in(whole.get("when")))
    if kinds and all(str(kind).startswith("task-run.") for kind in kinds):
        whole.setdefault("parts", True)
    return whole


_WITH_EXPECT = ("after", "by", "within")


def _whole(value: object, key: str = "") -> object:
    if isinstance(value, str):
        return _whole_text(value, key)
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        whole = {name: item if name in OWN else _whole(item, str(name)) for name, item in table.items()}
        return {"kinds": RUNS, **whole} if key in MATCHES else whole
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        return _kinds(items) if key == "kinds" else [_whole(item, key if key == "steps" else "") for item in items]
    return value


def _kinds_in(value: object) -> Iterator[object]:
    """All kinds of events that a condition names."""
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[str, Any]", value).items():
            yield from cast("list[Any]", item) if key == "kinds" and isinstance(item, list | tuple) else _kinds_in(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from _kinds_in(item)


def _whole_text(text: str, key: str) -> object:
    if key in SPANS:
        return seconds(text)
    if key in TIMES and _SHORT_TIME.fullmatch(text):
        return f"{text}:00"
    if key in MATCHES:
        return {"kinds": _kinds([text])}
    if key in LISTS:
        return _kinds([text]) if key == "kinds" else [text]
    return text


def _kinds(values: list[Any]) -> list[Any]:
    """Kinds of events, where the name of a state stands for the runs of flows and tasks that come to it."""
    kinds: list[Any] = []
    for value in values:
        mark, name = ("!", value[1:]) if isinstance(value, str) and value.startswith("!") else ("", value)
        known = isinstance(name, str) and name.lower() in STATES
        kinds += [f"{mark}{noun}.{name.lower()}" for noun in ("flow-run", "task-run")] if known else [value]
    return kinds
