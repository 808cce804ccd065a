"""What is configured: from files, settings and what runs have left; one mistake does not silence what is right."""

from datetime import timedelta
from pathlib import Path

import pytest

from segue.exceptions import SettingsError
from segue.notify import configuration
from segue.notify.registrations import Alert, Folder, Registrations
from segue.settings import Settings
from segue_events.testing import FakeClock
from segue_notifiers.errors import Forbidden, InvalidChannel, InvalidRule, InvalidTemplate
from segue_notifiers.rules import check_all
from segue_notifiers.rules.rule import (
    CallFunction,
    Daily,
    Escalation,
    Match,
    Notify,
    Pace,
    Proactive,
    Reactive,
    Rule,
)
from segue_notifiers.target import Rate, Target

CANARY = "c4n4ry-t0ken"


def home(folder: Path, text: str = "") -> Settings:
    """Settings of a home with this notifications.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    if text:
        (folder / "notifications.yaml").write_text(text)
    return Settings(home=folder)


def test_a_file_says_who_is_told_of_what(tmp_path: Path) -> None:
    settings = home(
        tmp_path,
        """
targets:
  ops: log://
  chat: {url: "log://", tags: oncall, rate: {most: 5, per: 1m}, timeout: 1m 30s}
rules:
  broken:
    on: failed
    count: 3
    within: 15m
    notify: oncall
    pace: {throttle: 1h}
    escalate: [{after: 15m, tags: ops}]
  nightly:
    expect: {kinds: flow-run.completed, flows: nightly}
    by: {at: "06:00", timezone: Europe/Berlin}
""",
    )

    found = configuration.load(settings, tmp_path / "elsewhere")

    assert found.targets == (
        Target(name="ops", url="log://"),
        Target(name="chat", url="log://", tags=("oncall",), rate=Rate(most=5, per=60), timeout=90),
    )
    broken, nightly = found.rules
    assert broken == Rule(
        name="broken",
        when=Reactive(on=Match(kinds=("flow-run.failed", "task-run.failed")), count=3, within=900),
        actions=(Notify(tags=("oncall",)),),
        pace=Pace(throttle=3600),
        escalate=(Escalation(after=900, tags=("ops",)),),
    )
    assert isinstance(nightly.when, Proactive)
    assert isinstance(nightly.when.by, Daily)
    assert nightly.when.by.at.hour == 6
    assert found.problems == ("The rule 'broken' tells 'ops', a tag that no target has.",)


def test_urls_alone_are_told_of_failures(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, notify_urls=("slack://a/b/c", "log://", "SLACK://d/e/f", "t0ken"))

    found = configuration.load(settings, tmp_path)

    assert [target.name for target in found.targets] == ["slack-1", "log-1", "slack-2", "url-1"]
    [rule] = found.rules
    assert (rule.name, rule.actions, rule.pace, rule.recovery) == ("failures", (Notify(),), Pace(most=20), None)


def test_targets_without_rules_are_told_of_failures(tmp_path: Path) -> None:
    found = configuration.load(home(tmp_path, "targets: {ops: 'log://'}"), tmp_path)

    assert [rule.name for rule in found.rules] == ["failures"]


def test_who_writes_rules_has_only_those(tmp_path: Path) -> None:
    found = configuration.load(home(tmp_path, "targets: {ops: 'log://'}\nrules: {mine: {on: crashed}}"), tmp_path)

    assert [rule.name for rule in found.rules] == ["mine"]


def test_a_project_s_toml_counts_after_the_user_s_file(tmp_path: Path) -> None:
    settings = home(tmp_path / "home", "targets: {ops: 'log://'}")
    (tmp_path / "segue.toml").write_text(
        '[notify.targets.ops]\nurl = "terminal://"\n[notify.targets.team]\nurl = "log://"\n'
        '[notify.rules.all]\non = "failed"\nby_hand = 1\n'
    )

    found = configuration.load(settings, tmp_path)

    assert found.target("ops").url == "log://"
    assert found.places["targets.team"] == str(tmp_path / "segue.toml")
    twice, unknown = sorted(found.problems)
    assert "The target 'ops' of" in unknown or "The target 'ops' of" in twice
    assert any("unknown field `by_hand`" in problem for problem in found.problems)


def test_a_folder_that_runs_have_left_counts(tmp_path: Path) -> None:
    settings = home(tmp_path / "home")
    (tmp_path / "notifications.yaml").write_text("targets: {team: 'log://'}")
    Registrations.of(settings.database).leave(Folder(path=str(tmp_path)))

    found = configuration.load(settings, tmp_path / "elsewhere")

    assert [target.name for target in found.targets] == ["team"]


MISTAKES = {
    "targets: {ops: {url: 'log://', tgas: a}}": "line 1, column 11: the target 'ops' cannot be read: "
    "Object contains unknown field `tgas`.",
    "rules:\n  slow:\n    on: failed\n    within: soon": "the rule 'slow' cannot be read: 'soon' is no span of time; "
    "write 90s, 15m, 24h or 7d.",
    "rules:\n  odd:\n    on: failed\n    pace:\n      most: many": "line 5, column 7: the rule 'odd' cannot be read: "
    "Expected `int`, got `str` (pace.most).",
    "rules: [1]": "'rules' is no mapping of names; write `NAME:` below it.",
    "rules: {'': {on: failed}}": "cannot be the name of a rule; use letters, digits, '-' and '_'.",
    "targest: {}": "holds 'targest', which says nothing; there are targets and rules. Did you mean 'targets'?",
    "targets: {ops: 'json://c4n4ry-t0ken', ops: 'json://c4n4ry-t0ken'}": "line 1, column 39: a key stands there for "
    "the second time.",
    "a: &a 1\nb: *a": "line 2, column 4: aliases are not read; write out what they stand for.",
    "targets: {ops: [c4n4ry-t0ken]}": "the target 'ops' cannot be read: it is no mapping, as a target has to be.",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_no_secret(tmp_path: Path, text: str) -> None:
    settings = home(tmp_path, text)

    [problem] = configuration.load(settings, tmp_path / "elsewhere").problems

    assert problem.startswith((str(settings.notify_file), "'' in"))
    assert problem.endswith(MISTAKES[text])
    assert CANARY not in problem


def test_one_mistake_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    settings = home(tmp_path, "targets: {ops: 'log://', bad: {}}\nrules: {good: {on: failed}, bad: {on: failed, x: 1}}")

    found = configuration.load(settings, tmp_path / "elsewhere")

    assert [target.name for target in found.targets] == ["ops"]
    assert [rule.name for rule in found.rules] == ["good"]
    assert len(found.problems) == 2


def test_a_rule_that_cannot_work_is_left_out_and_told(tmp_path: Path) -> None:
    settings = home(tmp_path, "targets: {ops: 'log://'}\nrules: {loop: {on: 'notification.*'}, good: {on: failed}}")

    found = configuration.load(settings, tmp_path / "elsewhere")

    assert [rule.name for rule in found.rules] == ["good"]
    [problem] = found.problems
    assert problem.startswith(f"{settings.notify_file}: ")
    assert "loop" in problem


def test_a_rule_whose_template_cannot_be_read_stays(tmp_path: Path) -> None:
    rule = "{on: failed, actions: [{action: notify, title: '{{ flow_run.'}]}"
    settings = home(tmp_path, f"targets: {{ops: 'log://'}}\nrules: {{good: {rule}}}")

    found = configuration.load(settings, tmp_path / "elsewhere")

    assert [rule.name for rule in found.rules] == ["good"]
    [problem] = found.problems
    assert "told without its template" in problem


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        (Rule(name="x", when=Reactive(on=Match(kinds=("notification.*",)))), InvalidRule),
        (Rule(name="x", when=Reactive(on=Match(kinds=("a.b",))), actions=(Notify(body="{{ x."),)), InvalidTemplate),
        (Rule(name="", when=Reactive(on=Match(kinds=("a.b",)))), SettingsError),
    ],
)
def test_a_rule_that_cannot_work_is_not_saved(tmp_path: Path, rule: Rule, error: type[Exception]) -> None:
    with pytest.raises(error):
        configuration.add_rule(home(tmp_path), rule)

    assert not (tmp_path / "notifications.yaml").exists()


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    settings = home(
        tmp_path, "targets: {ops: {url: 'webhook+https://${TOKEN}/x', secret: '${KEY}'}, no: 'log://${GONE}'}"
    )

    found = configuration.load(settings, tmp_path, environ={"TOKEN": CANARY, "KEY": "k"})

    assert (found.target("ops").url, found.target("ops").secret) == (f"webhook+https://{CANARY}/x", "k")
    assert found.target("no").url == "log://${GONE}"
    assert ["GONE" in problem for problem in found.problems] == [True]
    assert CANARY not in repr(found)


def test_what_a_flow_s_hook_has_left_is_told_of_that_flow_only(tmp_path: Path) -> None:
    settings = home(tmp_path, "targets: {ops: {url: 'log://', tags: [oncall]}}")
    alert = Alert(noun="flow", name="etl", ending="failed", urls=("log://", f"json://{CANARY}"), tags=("oncall",))
    Registrations.of(settings.database).leave(alert)

    found = configuration.load(settings, tmp_path)

    own = next(rule for rule in found.rules if rule.name.startswith("etl failed"))
    assert own.when == Reactive(on=Match(kinds=("flow-run.failed",), flows=("etl",)))
    left = [target for target in found.targets if target.name in found.left]
    assert len(left) == 2
    [tells] = own.actions
    assert isinstance(tells, Notify)
    assert tells.tags == (*left[0].tags, "oncall")
    assert CANARY not in repr(found)


@pytest.mark.parametrize("name", ["!", "!etl", "*", "a*b*c*d", "ä" * 200, "a\nb"])
def test_a_flow_of_any_name_leaves_rules_that_work_or_a_sentence(tmp_path: Path, name: str) -> None:
    settings = home(tmp_path)
    Registrations.of(settings.database).leave(Alert(noun="flow", name=name, ending="failed", urls=("log://",)))

    found = configuration.load(settings, tmp_path)

    check_all(found.rules)
    assert len(found.rules) + len(found.problems) == 1


def test_a_hook_that_nobody_calls_any_more_tells_nothing_but_keeps_its_targets(tmp_path: Path) -> None:
    settings = home(tmp_path)
    Registrations.of(settings.database).leave(Alert(noun="flow", name="etl", ending="failed", urls=("log://",)))
    later = FakeClock(start=configuration.CLOCK.now() + timedelta(hours=3))

    found = configuration.load(settings, tmp_path, clock=later)

    assert len(found.targets) == 1
    assert [rule.name for rule in found.rules] == []


def test_what_is_added_is_there_and_private_and_keeps_comments(tmp_path: Path) -> None:
    settings = home(tmp_path, "# Ours.\ntargets:\n  old: log://  # first\n")
    target = Target(name="ops", url="json://${TOKEN}@10.0.0.1/", tags=("oncall",), rate=Rate(most=5))
    rule = Rule(
        name="nightly",
        when=Reactive(on=Match(kinds=("flow-run.failed",), labels={"team": "x"}), count=2, within=60),
        actions=(Notify(tags=("oncall",)), CallFunction(function="json:dumps")),
    )
    permissive = Settings(home=tmp_path, notify_allow_networks=("10.0.0.0/8",))

    path = configuration.add_target(permissive, target, environ={"TOKEN": "t"})
    configuration.add_rule(settings, rule)

    text = path.read_text()
    assert "# Ours." in text
    assert "# first" in text
    assert "${TOKEN}" in text
    assert path.stat().st_mode & 0o777 == 0o600
    found = configuration.load(settings, tmp_path, environ={"TOKEN": "t"})
    assert found.rule("nightly") == rule
    assert found.target("ops").rate == Rate(most=5)


def test_what_was_added_can_be_removed(tmp_path: Path) -> None:
    settings = home(tmp_path)
    configuration.add_target(settings, Target(name="ops", url="log://"))

    configuration.remove(settings, "ops")

    assert configuration.load(settings, tmp_path).targets == ()


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (Target(name="ops", url="log://"), SettingsError),
        (Target(name="a/b", url="log://"), SettingsError),
        (Target(name="x", url="no scheme"), InvalidChannel),
        (Target(name="x", url="webhook+http://127.0.0.1/"), Forbidden),
        (Target(name="x", url="log://${NOWHERE}"), SettingsError),
    ],
)
def test_a_target_that_cannot_work_is_not_saved(tmp_path: Path, target: Target, error: type[Exception]) -> None:
    settings = home(tmp_path, "targets: {ops: 'log://'}\n")

    with pytest.raises(error):
        configuration.add_target(settings, target, environ={})

    assert settings.notify_file.read_text() == "targets: {ops: 'log://'}\n"


def test_what_stands_elsewhere_cannot_be_removed_here(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, notify_urls=("log://",))

    with pytest.raises(SettingsError, match=r"'log-1' is not of .* but of notify_urls; take it out there"):
        configuration.remove(settings, "log-1")
    with pytest.raises(SettingsError, match="Did you mean 'log-1'"):
        configuration.remove(settings, "log-2")


def test_what_a_rule_names_and_is_not_there_is_told(tmp_path: Path) -> None:
    settings = home(
        tmp_path, "targets: {hook: log://}\nrules: {a: {on: failed, actions: [{action: call-webhook, target: hoo}]}}"
    )

    [problem] = configuration.load(settings, tmp_path / "elsewhere").problems

    assert problem == "The rule 'a' posts to 'hoo', and there is no target of that name. Did you mean 'hook'?"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (f"syslog://{CANARY}", "acts on this machine"),
        (f"webhook+http://u:{CANARY}@127.0.0.1:99999/", "is not like https://host/path"),
        (f"webhook+http://127.0.0.1/{CANARY}", "notify_allow_networks"),
        (CANARY, "does not begin like"),
    ],
)
def test_a_url_that_can_never_work_is_told_where_the_file_is_read(tmp_path: Path, target: str, words: str) -> None:
    settings = home(tmp_path, f"targets: {{ops: '{target}'}}")

    [problem] = configuration.load(settings, tmp_path / "elsewhere").problems

    assert problem.startswith(f"{settings.notify_file}: ")
    assert words in problem
    assert CANARY not in problem
