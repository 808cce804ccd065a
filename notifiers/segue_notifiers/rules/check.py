"""Check: refuses the rules that cannot work, when they are saved and not when they are needed."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from segue_notifiers.errors import InvalidRule
from segue_notifiers.rules.compound import is_standing
from segue_notifiers.rules.grouping import DOTTED_FACETS, PLAIN_FACETS
from segue_notifiers.rules.rule import Action, CallFunction, Notify, Reactive, Rule
from segue_notifiers.rules.soundness import flaw_of_seconds, flaws_of_condition, flaws_of_match, flaws_of_quiet

MAX_NAME = 100
ATTACHMENTS = ("log",)

_FUNCTION = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def check(rule: Rule) -> None:
    """Raise InvalidRule if the rule can never do what it says."""
    flaw = next(_flaws(rule), None)
    if flaw is not None:
        raise InvalidRule(f"The rule {rule.name!r} {flaw}.")


def check_all(rules: Iterable[Rule]) -> None:
    """Raise InvalidRule if one of the rules can never do what it says, or if two have the same name."""
    rules = tuple(rules)
    for rule in rules:
        check(rule)
    name, uses = next(iter(Counter(rule.name for rule in rules).most_common(1)), ("", 0))
    if uses > 1:
        raise InvalidRule(f"The rule {name!r} is there {uses} times; give each rule a name of its own.")


def _flaws(rule: Rule) -> Iterator[str]:
    if not rule.name or len(rule.name) > MAX_NAME or not rule.name.isprintable():
        yield f"needs a name of 1 to {MAX_NAME} characters that can be printed"
    yield from flaws_of_condition(rule.when)
    yield from _flaws_of_groups(rule)
    yield from _flaws_of_recovery(rule)
    yield from _flaws_of_pace(rule)
    if rule.quiet is not None:
        yield from flaws_of_quiet(rule.quiet)
    yield from _flaws_of_escalation(rule)
    if not rule.actions:
        yield "has no actions, so it would do nothing; leave `actions` out to notify all targets"
    for number, action in enumerate(rule.actions):
        yield from _flaws_of_action(action, f"actions[{number}]")


def _flaws_of_groups(rule: Rule) -> Iterator[str]:
    for facet in rule.for_each:
        noun, _, rest = facet.partition(".")
        if facet not in PLAIN_FACETS and not (noun in DOTTED_FACETS and rest):
            known = ", ".join([*PLAIN_FACETS, "tag.<glob>", "label.<name>", "payload.<path>"])
            yield f"has the unknown {facet!r} in for_each; write some of {known}"
    if rule.for_each and is_standing(rule.when):
        yield (
            "expects something by a time of day for each of several groups, but which groups those are nobody knows "
            "before they come; leave for_each out, and write a rule for each of them"
        )


def _flaws_of_recovery(rule: Rule) -> Iterator[str]:
    if rule.recovery is None:
        return
    yield from flaws_of_match(rule.recovery, "recovery")
    if isinstance(rule.when, Reactive) and rule.when.on == rule.recovery:
        yield "has the same events in recovery as in its condition; say in recovery which events are the good news"


def _flaws_of_pace(rule: Rule) -> Iterator[str]:
    yield from flaw_of_seconds(rule.pace.debounce, "pace.debounce")
    yield from flaw_of_seconds(rule.pace.throttle, "pace.throttle")
    yield from flaw_of_seconds(rule.pace.per, "pace.per", positive=rule.pace.most > 0)
    if rule.pace.most < 0:
        yield f"has {rule.pace.most} in pace.most; write how many may be told, or 0 for no limit"
    yield from flaw_of_seconds(rule.max_age, "max_age", positive=True)


def _flaws_of_escalation(rule: Rule) -> Iterator[str]:
    if rule.escalate and not any(isinstance(action, Notify) for action in rule.actions):
        yield "escalates, and has no action that notifies; add one, or leave `escalate` out"
    before = 0.0
    for number, step in enumerate(rule.escalate):
        place = f"escalate[{number}]"
        yield from flaw_of_seconds(step.after, f"{place}.after", positive=True)
        if number and step.after <= before:
            yield f"escalates in {place} after {step.after:g} s, not later than the step before; order them by time"
        if not step.tags:
            yield f"has no tags in {place}.tags; write whom to tell"
        before = step.after


def _flaws_of_action(action: Action, place: str) -> Iterator[str]:
    if isinstance(action, Notify):
        unknown = [name for name in action.attach if name not in ATTACHMENTS]
        if unknown:
            yield f"attaches the unknown {unknown[0]!r} in {place}.attach; what can be attached is {ATTACHMENTS[0]!r}"
    elif isinstance(action, CallFunction):
        if not _FUNCTION.fullmatch(action.function):
            yield f"calls {action.function!r} in {place}.function; write it as 'package.module:name'"
    else:
        empty = next((field for field in ("target", "deployment", "pool") if getattr(action, field, None) == ""), None)
        if empty is not None:
            yield f"names no {empty} in {place}.{empty}; write which one is meant"
