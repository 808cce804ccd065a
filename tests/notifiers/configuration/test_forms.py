"""Short forms become whole ones, and what is whole stays as it is."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.exceptions import SettingsError
from segue.notify.forms import rule_form, seconds, target_form
from segue_notifiers.rules import Match, Proactive, Quiet, Reactive, Rule, Sequence

RUNS = ("flow-run.*", "task-run.*")


def rule(**value: object) -> Rule:
    whole = rule_form(value)
    assert isinstance(whole, dict)
    return msgspec.convert({**whole, "name": "x"}, Rule)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("15m", 900), ("1h 30m", 5400), ("1h30m", 5400), ("1d", 86_400), ("250ms", 0.25), ("7", 7), ("0", 0)],
)
def test_a_span_of_time_is_read(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "soon", "-1", "-1s", "1 year", "nan", "inf", "1m x", "s"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no span of time; write 90s, 15m, 24h or 7d"):
        seconds(text)


def test_the_names_of_states_stand_for_runs() -> None:
    found = rule(on={"kinds": ["failed", "!crashed", "custom.kind"]}).when

    assert found == Reactive(
        on=Match(
            kinds=("flow-run.failed", "task-run.failed", "!flow-run.crashed", "!task-run.crashed", "custom.kind"),
        )
    )


def test_a_match_without_kinds_is_of_runs() -> None:
    assert rule(on={"states": "TimedOut"}).when == Reactive(on=Match(kinds=RUNS, states=("TimedOut",)))


def test_a_rule_on_task_runs_only_means_those_within_flows() -> None:
    assert rule(on="task-run.failed").parts
    assert rule(when={"type": "sequence", "steps": ["task-run.running", "task-run.failed"], "within": 60}).parts
    assert not rule(on="task-run.failed", parts=False).parts
    assert not rule(on="failed").parts


def test_what_follows_one_another_may_be_short_too() -> None:
    steps = rule(when={"type": "sequence", "steps": ["failed", {"flows": "a"}], "within": "1m"}).when

    failed = Match(kinds=("flow-run.failed", "task-run.failed"))
    assert steps == Sequence(steps=(failed, Match(kinds=RUNS, flows=("a",))), within=60)


def test_what_is_expected_may_be_said_in_short() -> None:
    found = rule(expect="completed", after={"flows": "a"}, within="2h").when

    completed = Match(kinds=("flow-run.completed", "task-run.completed"))
    assert found == Proactive(expect=completed, after=Match(kinds=RUNS, flows=("a",)), within=7200)


def test_times_of_day_need_no_seconds() -> None:
    quiet = rule(on="failed", quiet={"begin": "22:00", "end": "06:30", "days": "sat"}).quiet

    assert isinstance(quiet, Quiet)
    assert (quiet.begin.hour, quiet.end.minute, quiet.days) == (22, 30, ("sat",))


def test_labels_and_parameters_are_the_user_s_own() -> None:
    found = rule(
        on={"kinds": "a.b", "labels": {"within": "1m", "tags": "x"}},
        actions=[{"action": "run-deployment", "deployment": "d", "parameters": {"at": "06:00", "tags": "x"}}],
    )

    assert isinstance(found.when, Reactive)
    assert found.when.on.labels == {"within": "1m", "tags": "x"}
    [run] = found.actions
    assert msgspec.to_builtins(run)["parameters"] == {"at": "06:00", "tags": "x"}


@given(st.floats(0, 1e6), st.lists(st.sampled_from(["a.b", "c.*"]), min_size=1))
def test_a_whole_form_stays_as_it_is(within: float, kinds: list[str]) -> None:
    whole = {"when": {"type": "reactive", "on": {"kinds": kinds}, "count": 2, "within": within}}

    assert rule_form(whole) == whole


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["on", "kinds", "within", "expect", "steps", "notify", "x"]), inner, max_size=4
        )
    ),
)


@given(ANYTHING)
def test_anything_at_all_is_made_whole_or_refused(value: object) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(rule_form(value), type(value))
    with contextlib.suppress(SettingsError):
        assert isinstance(target_form(value), dict) == isinstance(value, str | dict)
