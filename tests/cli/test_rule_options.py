"""The options of `segue notify add-rule`: the rule that they say, in words again, and what cannot be read."""

from datetime import time

import pytest

from segue.cli.conditions import action_words, condition_words
from segue.cli.errors import Usage
from segue.cli.rule_options import RuleOptions
from segue.cli.spans import span
from segue_notifiers.rules import (
    CallFunction,
    CallWebhook,
    ChangePool,
    ChangeRun,
    ChangeSchedule,
    Compound,
    Daily,
    Match,
    Notify,
    Proactive,
    Reactive,
    RunDeployment,
    Sequence,
)

FAILED = Match(kinds=("flow-run.failed",))


def test_without_options_a_rule_tells_all_targets_of_each_failure() -> None:
    rule = RuleOptions().rule("failures")

    assert condition_words(rule.when) == "flow-run.failed, flow-run.crashed, task-run.failed, task-run.crashed"
    assert (rule.name, rule.actions, rule.recovery, rule.for_each) == ("failures", (Notify(),), None, ())


def test_so_many_within_a_time_of_some_flows() -> None:
    options = RuleOptions(kind=["flow-run.failed"], flow=["etl-*"], run_tag=["prod"], count=5, within="10m")

    assert condition_words(options.rule("flaky").when) == (
        "5 of flow-run.failed of flow etl-* tagged prod within 10 min"
    )


def test_a_state_is_looked_for_among_all_events_of_runs() -> None:
    when = RuleOptions(state=["TimedOut"]).rule("slow").when

    assert condition_words(when) == "flow-run.*, task-run.* in state TimedOut"


def test_what_has_not_come_by_a_time_of_day() -> None:
    when = RuleOptions(flow=["nightly"], by="06:00", timezone="Europe/Berlin", within="8h").rule("nightly").when

    assert isinstance(when, Proactive)
    assert (when.by, when.within) == (Daily(at=time(6), timezone="Europe/Berlin"), 8 * 3600)
    assert condition_words(when) == "no flow-run.completed of flow nightly by 06:00 Europe/Berlin"


def test_recovery_is_a_success_of_the_same_flow() -> None:
    rule = RuleOptions(flow=["etl"], recovery=True).rule("etl")

    assert rule.recovery == Match(kinds=("flow-run.completed",), flows=("etl",))
    assert rule.for_each == ("flow",)
    assert RuleOptions(for_each=["deployment"], recovery=True).rule("etl").for_each == ("deployment",)
    assert RuleOptions(by="06:00", recovery=True).rule("nightly").for_each == ()


def test_whom_to_tell_how_often_and_who_comes_next() -> None:
    options = RuleOptions(
        tell=["oncall"], debounce="30s", throttle="15m", most=3, per="1m", escalate=["15m=managers"], attach=["log"]
    )

    rule = options.rule("urgent")

    assert rule.actions == (Notify(tags=("oncall",), attach=("log",)),)
    assert (rule.pace.debounce, rule.pace.throttle, rule.pace.most, rule.pace.per) == (30, 900, 3, 60)
    assert [(step.after, step.tags) for step in rule.escalate] == [(900, ("managers",))]


def test_a_span_is_read_as_in_files() -> None:
    assert [span(text, "--for") for text in ("90", "90s", "15m", "1h30m", "2 d")] == [90, 90, 900, 5400, 172_800]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (RuleOptions(by="6 o'clock"), '--by "6 o\'clock" is no time of day; write --by 06:00.'),
        (RuleOptions(kind=["failed"]), "--kind 'failed' is no kind of event, which has a noun and a verb; write"),
        (RuleOptions(escalate=["managers"]), "--escalate 'managers' is not of the form SPAN=TAG"),
        (RuleOptions(escalate=["15m="]), "--escalate '15m=' is not of the form SPAN=TAG"),
        (RuleOptions(escalate=["soon=managers"]), "--escalate: 'soon' is no span of time"),
        (RuleOptions(throttle="long"), "--throttle: 'long' is no span of time"),
    ],
)
def test_an_option_that_cannot_be_read_is_named(options: RuleOptions, sentence: str) -> None:
    with pytest.raises(Usage) as raised:
        options.rule("wrong")

    assert str(raised.value).startswith(sentence)


def test_conditions_of_files_are_said_in_words_too() -> None:
    steps = Sequence(steps=(FAILED, Match(labels={"region": "eu"})), within=60)
    late = Proactive(expect=Match(kinds=("b.*",)), after=Match(kinds=("a.*",)), within=90)
    weekdays = Proactive(expect=FAILED, by=Daily(at=time(6), days=("mon", "tue")))

    assert condition_words(steps) == "flow-run.failed, then anything labelled region=eu within 1 min"
    assert condition_words(late) == "no b.* within 1 min 30 s after a.*"
    assert condition_words(weekdays) == "no flow-run.failed by 06:00 UTC on mon, tue"
    assert condition_words(Compound(parts=(Reactive(on=FAILED), late), within=60)) == (
        "all of (flow-run.failed; no b.* within 1 min 30 s after a.*) within 1 min"
    )


def test_actions_are_said_in_words() -> None:
    actions = [
        Notify(),
        Notify(tags=("oncall",)),
        CallWebhook(target="audit"),
        CallFunction(function="shop.alerts:page"),
        RunDeployment(deployment="repair"),
        ChangeRun(to="retry"),
        ChangeSchedule(to="pause", deployment="etl"),
        ChangePool(to="resume", pool="gpu"),
    ]

    assert [action_words(action) for action in actions] == [
        "tell all",
        "tell oncall",
        "post to audit",
        "call shop.alerts:page",
        "run repair",
        "retry the run",
        "pause the schedules of etl",
        "resume the pool gpu",
    ]
