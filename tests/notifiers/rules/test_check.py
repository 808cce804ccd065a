"""What is said of a rule that cannot work, at the time it is saved."""

from datetime import time
from typing import Any

import pytest

from segue_notifiers.errors import InvalidRule
from segue_notifiers.rules import (
    CallFunction,
    CallWebhook,
    Compound,
    Daily,
    Escalation,
    Match,
    Notify,
    Pace,
    Proactive,
    Quiet,
    Reactive,
    RunDeployment,
    Sequence,
    check,
    check_all,
)

from .story import COMPLETED, FAILED, FAILURES, rule

SIX = Daily(at=time(6))


def said_of(**fields: Any) -> str:
    with pytest.raises(InvalidRule) as refusal:
        check(rule(**fields))
    return str(refusal.value)


def test_a_sound_rule_passes() -> None:
    check(
        rule(
            when=Compound(parts=(FAILURES, Proactive(expect=COMPLETED, by=SIX)), within=3600),
            recovery=COMPLETED,
            pace=Pace(debounce=60, throttle=600, most=20),
            quiet=Quiet(begin=time(22), end=time(6), timezone="Europe/Berlin"),
            escalate=(Escalation(after=900, tags=("lead",)), Escalation(after=1800, tags=("head",))),
        )
    )


def test_the_sentence_names_the_rule_the_place_and_the_remedy() -> None:
    assert said_of(when=Reactive(on=FAILED, count=0)) == (
        "The rule 'failures' has the count 0 in when.count; write a number from 1 to 100,000."
    )


@pytest.mark.parametrize(
    ("when", "words"),
    [
        (Reactive(on=FAILED, count=3), "no time in when.within"),
        (Reactive(on=FAILED, count=3, within=-1), "-1 seconds in when.within"),
        (Reactive(on=FAILED, within=float("nan")), "nan seconds"),
        (Reactive(on=FAILED, within=float("inf")), "inf seconds"),
        (Sequence(steps=(), within=60), "0 steps"),
        (Sequence(steps=(FAILED,), within=60), "1 steps"),
        (Sequence(steps=(FAILED, COMPLETED), within=0), "no time in when.within"),
        (Proactive(expect=COMPLETED, within=60), "neither of when.after and when.by"),
        (Proactive(expect=COMPLETED, after=FAILED, by=SIX, within=60), "both of when.after and when.by"),
        (Proactive(expect=COMPLETED, after=FAILED), "no time in when.within"),
        (Proactive(expect=COMPLETED, by=Daily(at=time(6), timezone="Mars/Olympus")), "time zone 'Mars/Olympus'"),
        (Proactive(expect=COMPLETED, by=Daily(at=time(6), timezone="../zone")), "time zone '../zone'"),
        (Proactive(expect=COMPLETED, by=Daily(at=time(6), days=())), "no days in when.by.days"),
        (Compound(parts=(FAILURES,), within=60), "1 parts"),
        (Compound(parts=(FAILURES, FAILURES), require=3, within=60), "requires 3 of 2"),
        (Compound(parts=(FAILURES, FAILURES)), "no time in when.within"),
        (Compound(parts=(FAILURES, Reactive(on=FAILED, count=0)), within=60), "when.parts[1].count"),
        (Reactive(on=Match(kinds=("flow-*-*-*",))), "more than 2 stars in when.on.kinds, in 'flow-*-*-*'"),
        (Reactive(on=Match(kinds=("flow-run.failed",), flows=("",))), "empty value in when.on.flows"),
        (Reactive(on=Match(kinds=("flow-run.failed",), labels={"team": "*a*b*"})), "in when.on.labels.team"),
    ],
)
def test_a_condition_that_never_holds_is_refused(when: Any, words: str) -> None:
    assert words in said_of(when=when)


@pytest.mark.parametrize(
    "kinds",
    [(), ("*",), ("*.failed",), ("notification.*",), ("rule.muted",), ("action.*",), ("!notification.*", "!action.*")],
)
def test_a_rule_that_matches_its_own_notifications_is_refused(kinds: tuple[str, ...]) -> None:
    assert "tell of its own telling" in said_of(when=Reactive(on=Match(kinds=kinds)))


def test_own_notifications_in_a_recovery_are_refused_too() -> None:
    assert "in recovery.kinds" in said_of(recovery=Match(flows=("etl",)))


def test_a_rule_may_match_all_but_its_own_notifications() -> None:
    check(rule(when=Reactive(on=Match(kinds=("!notification.*", "!rule.*", "!action.*")))))
    check(rule(when=Reactive(on=Match(kinds=("*.failed", "!notification.*", "!action.*")))))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "needs a name"),
        ({"name": "a\nb"}, "needs a name"),
        ({"for_each": ("flows",)}, "unknown 'flows' in for_each"),
        ({"for_each": ("tag.",)}, "unknown 'tag.' in for_each"),
        ({"for_each": ("flow",), "when": Proactive(expect=COMPLETED, by=SIX)}, "a rule for each of them"),
        ({"recovery": FAILED}, "same events in recovery"),
        ({"pace": Pace(debounce=-1)}, "pace.debounce"),
        ({"pace": Pace(most=5, per=0)}, "no time in pace.per"),
        ({"pace": Pace(most=-1)}, "-1 in pace.most"),
        ({"max_age": 0}, "no time in max_age"),
        (
            {"escalate": (Escalation(after=60, tags=("boss",)),), "actions": (CallFunction(function="shop:restock"),)},
            "no action that notifies",
        ),
        ({"quiet": Quiet(begin=time(6), end=time(6))}, "quiet at all hours"),
        ({"quiet": Quiet(begin=time(22), end=time(6), timezone="")}, "unknown time zone ''"),
        ({"escalate": (Escalation(after=900, tags=()),)}, "no tags in escalate[0].tags"),
        ({"escalate": (Escalation(after=9, tags=("a",)), Escalation(after=9, tags=("b",)))}, "order them by time"),
        ({"actions": ()}, "has no actions"),
        ({"actions": (Notify(attach=("disk",)),)}, "unknown 'disk' in actions[0].attach"),
        ({"actions": (Notify(), CallFunction(function="os.system"))}, "actions[1].function"),
        ({"actions": (CallWebhook(target=""),)}, "names no target"),
        ({"actions": (RunDeployment(deployment=""),)}, "names no deployment"),
    ],
)
def test_other_parts_that_cannot_work_are_refused(fields: dict[str, Any], words: str) -> None:
    assert words in said_of(**fields)


def test_two_rules_need_two_names() -> None:
    with pytest.raises(InvalidRule, match="'failures' is there 2 times"):
        check_all([rule(), rule(name="other"), rule()])


def test_no_rules_are_sound_too() -> None:
    check_all([])
