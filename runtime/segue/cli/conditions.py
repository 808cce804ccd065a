"""Rules in words: when one speaks, and what it does."""

from collections.abc import Sequence

from segue.cli.text import duration
from segue_notifiers.rules import (
    Action,
    CallFunction,
    CallWebhook,
    ChangePool,
    ChangeRun,
    ChangeSchedule,
    Compound,
    Condition,
    Match,
    Notify,
    Proactive,
    Reactive,
)

__all__ = ("action_words", "condition_words")


def condition_words(condition: Condition) -> str:
    """Say when a rule speaks: "3 of flow-run.failed within 10 min"."""
    if isinstance(condition, Reactive):
        times = f"{condition.count} of " if condition.count > 1 else ""
        return f"{times}{_match(condition.on)}{_within(condition.within)}"
    if isinstance(condition, Proactive):
        return f"no {_match(condition.expect)}{_expected(condition)}"
    if isinstance(condition, Compound):
        parts = "; ".join(condition_words(part) for part in condition.parts)
        return f"{condition.require} of ({parts}){_within(condition.within)}"
    return f"{', then '.join(_match(step) for step in condition.steps)}{_within(condition.within)}"


def action_words(action: Action) -> str:
    """Say what a rule does: "tell oncall", "cancel the run"."""
    if isinstance(action, Notify):
        return f"tell {', '.join(action.tags)}" if action.tags else "tell all"
    if isinstance(action, CallWebhook):
        return f"post to {action.target}"
    if isinstance(action, CallFunction):
        return f"call {action.function}"
    if isinstance(action, ChangeRun):
        return f"{action.to} {action.run or 'the run'}"
    if isinstance(action, ChangeSchedule):
        return f"{action.to} the schedules of {action.deployment}"
    if isinstance(action, ChangePool):
        return f"{action.to} the pool {action.pool}"
    return f"run {action.deployment}"


def _match(match: Match) -> str:
    words = [_some(match.kinds) or "anything"]
    for name, values in (
        ("in state", match.states),
        ("of flow", match.flows),
        ("tagged", match.tags),
        ("of deployment", match.deployments),
        ("labelled", [f"{name}={value}" for name, value in match.labels.items()]),
        ("of run", match.runs),
        ("about", match.subjects),
    ):
        if values:
            words.append(f"{name} {_some(values)}")
    return " ".join(words)


def _some(values: Sequence[str]) -> str:
    return ", ".join(values)


def _expected(condition: Proactive) -> str:
    after = f" after {_match(condition.after)}" if condition.after else ""
    if condition.by is None:
        return _within(condition.within) + after
    days = f" on {', '.join(condition.by.days)}" if len(condition.by.days) < 7 else ""
    return f" by {condition.by.at:%H:%M} {condition.by.timezone}{days}{after}"


def _within(seconds: float) -> str:
    return f" within {duration(round(seconds * 1e6))}" if seconds else ""
