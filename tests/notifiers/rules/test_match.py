"""Match: which news are meant."""

from typing import Any

import pytest

from segue_events import Event
from segue_notifiers.rules import Match, Proactive, Reactive, filter_of, needs_subject
from segue_notifiers.rules.match import CompiledMatch

from .story import COMPLETED, FAILED, news, rule


def matches(match: Match, **fields: Any) -> bool:
    return CompiledMatch(match).matches(news(**fields))


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        (("flow-run.failed",), True),
        (("flow-run.*",), True),
        (("*.failed", "x"), True),
        (("f*d",), True),
        ((), True),
        (("!flow-run.completed",), True),
        (("flow-run",), False),
        (("flow-run?failed",), False),
        (("flow-run.*", "!*.failed"), False),
    ],
)
def test_kinds(kinds: tuple[str, ...], verdict: bool) -> None:
    assert matches(Match(kinds=kinds)) is verdict


@pytest.mark.parametrize(
    ("states", "payload", "verdict"),
    [
        (("Failed",), {}, True),
        (("failed",), {"name": "Failed"}, True),
        (("TimedOut",), {"name": "TimedOut"}, True),
        (("timed*",), {"name": "TimedOut"}, True),
        # In capitals it means the type, and all states of it.
        (("FAILED",), {"name": "TimedOut"}, True),
        (("Failed",), {"name": "TimedOut"}, False),
        (("!FAILED",), {"name": "TimedOut"}, False),
        (("!Crashed",), {"name": "TimedOut"}, True),
        (("FAILED", "!TimedOut"), {"name": "TimedOut"}, False),
        # Where a run is made known, the name is the run's own.
        (("failed",), {"name": "brave-otter", "flow": "etl"}, True),
        (("failed",), {"name": 5}, True),
    ],
)
def test_states(states: tuple[str, ...], payload: dict[str, Any], verdict: bool) -> None:
    assert matches(Match(states=states), payload=payload) is verdict


@pytest.mark.parametrize(
    ("match", "subject", "verdict"),
    [
        (Match(flows=("etl", "report")), {"flow": "etl"}, True),
        (Match(flows=("e*", "!etl")), {"flow": "etl"}, False),
        (Match(flows=("etl",)), {}, False),
        (Match(deployments=("etl/*",)), {"deployment": "etl/nightly"}, True),
        (Match(deployments=("etl/*",)), {}, False),
        (Match(tags=("prod", "test")), {"tags": ("a", "prod")}, True),
        (Match(tags=("prod",)), {"tags": ()}, False),
        (Match(tags=("prod", "!silent")), {"tags": ("prod", "silent")}, False),
        (Match(tags=("!silent",)), {"tags": ()}, True),
        (Match(labels={"team": "data*", "zone": "*"}), {"labels": {"team": "data-1", "zone": ""}}, True),
        (Match(labels={"team": "data*", "zone": "*"}), {"labels": {"team": "data-1"}}, False),
        (Match(labels={"team": "!data"}), {"labels": {"team": "data"}}, False),
        (Match(runs=("r",), subjects=("r",)), {}, True),
        (Match(runs=("s",)), {}, False),
        (Match(subjects=("!r",)), {}, False),
    ],
)
def test_what_is_known_of_the_subject(match: Match, subject: dict[str, Any], verdict: bool) -> None:
    assert matches(match, **subject) is verdict


def test_all_conditions_have_to_hold() -> None:
    match = Match(kinds=("flow-run.failed",), flows=("etl",), tags=("prod",))

    assert matches(match, flow="etl", tags=("prod",))
    assert not matches(match, flow="etl", tags=("test",))


# --- what all rules together have to see ---


def wanted(*kinds: tuple[str, ...]) -> set[str]:
    """Of some kinds, those that the rules' filter lets through."""
    rules = [rule(when=Reactive(on=Match(kinds=some))) for some in kinds]
    some = ("flow-run.failed", "flow-run.completed", "log.written", "notification.sent", "action.done", "rule.muted")
    return {kind for kind in (*some, "notification.acknowledged") if filter_of(rules).matches(Event(kind=kind))}


COMMANDS = {"rule.muted", "notification.acknowledged"}


def test_rules_together_see_what_each_of_them_sees() -> None:
    assert wanted() == COMMANDS
    assert wanted(("flow-run.failed",), ("*.completed",)) == COMMANDS | {"flow-run.failed", "flow-run.completed"}
    assert wanted(("flow-run.*", "!*.failed"), ("flow-run.failed",)) >= {"flow-run.failed", "flow-run.completed"}


def test_what_no_rule_wants_is_not_seen() -> None:
    everything_else = ("!notification.*", "!rule.*", "!action.*", "!log.*")

    assert wanted(everything_else) == COMMANDS | {"flow-run.failed", "flow-run.completed"}
    assert "log.written" in wanted(everything_else, everything_else[:3])


def test_all_matches_of_a_rule_are_seen_and_a_rule_that_is_off_sees_nothing() -> None:
    proactive = rule(when=Proactive(expect=COMPLETED, after=Match(kinds=("flow-run.running",))), recovery=FAILED)

    kinds = {"flow-run.completed", "flow-run.running", "flow-run.failed"}
    assert set(filter_of([proactive]).kinds) == kinds | COMMANDS
    assert set(filter_of([rule(enabled=False)]).kinds) == COMMANDS


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"parts": True}, False),
        ({"parts": False}, True),
        ({"parts": True, "for_each": ("run", "payload.name")}, False),
        ({"parts": True, "for_each": ("label.team",)}, True),
        ({"parts": True, "recovery": Match(kinds=("a.b",), tags=("prod",))}, True),
    ],
)
def test_a_rule_needs_the_subject_only_where_the_event_does_not_do(fields: dict[str, Any], verdict: bool) -> None:
    assert needs_subject(rule(**fields)) is verdict
