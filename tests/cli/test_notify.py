"""segue notify: targets and rules written, tried, silenced, and what was told."""

import json
import os
import re
import signal
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal
from segue_notifiers.testing import Answer, Receiver

from .conftest import Command, Done

DOCS = Path(__file__).parents[2] / "docs" / "alerts.md"
HOOK = "webhook+https://192.0.2.7/hook/t0ken"


@pytest.fixture(autouse=True)
def loopback(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages may go to this machine, and to the addresses of examples; no rules lie in the working directory."""
    monkeypatch.setenv("SEGUE_NOTIFY_ALLOW_NETWORKS", "127.0.0.0/8 192.0.2.0/24")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def recorded(segue: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A journal, with a run that completed."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    script = tmp_path / f"script_{os.urandom(4).hex()}.py"
    script.write_text("from segue import flow\n@flow\ndef hello():\n    return 1\n")
    assert segue("run", f"{script}:hello").code == 0
    return Path(os.environ["SEGUE_HOME"]) / "segue.db"


def parsed(done: Done) -> Any:
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def listed(segue: Command) -> Any:
    return parsed(segue("notify", "ls", "-o", "json"))


async def events(database: Path, *kinds: str) -> list[Event]:
    async with SqliteJournal(database, read_only=True) as journal:
        return [event for event in await journal.read() if event.kind in kinds]


# --- targets ---


def test_before_the_first_target_nobody_is_told(segue: Command) -> None:
    assert segue("notify", "ls").out == (
        "Nobody is told of anything. `segue notify add NAME URL` says where people are to be told.\n"
    )
    assert parsed(segue("notify", "log", "-o", "json")) == []


def test_a_target_is_listed_by_its_name_and_never_by_its_url(segue: Command, home: Path) -> None:
    done = segue("notify", "add", "ops", HOOK, "--tag", "oncall", "--tag", "prod", "--timeout", "5s")

    path = home / "notifications.yaml"
    assert done == (0, f"Added target 'ops' to {path}. `segue notify test ops` sends it a message.\n", "")
    [target] = listed(segue)["targets"]
    assert target == {
        "name": "ops",
        "tags": ["oncall", "prod"],
        "rate": {"most": 30, "per": 60},
        "timeout": 5,
        "signed": False,
        "place": str(path),
    }
    assert "ops     oncall, prod  30 in 1 min  5 s" in segue("notify", "ls").out
    assert "t0ken" not in segue("notify", "ls").out
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_url_may_come_by_standard_input_or_stay_in_the_environment(
    segue: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", HOOK)
    monkeypatch.setattr(sys, "stdin", StringIO(f"{HOOK}\n"))

    assert segue("notify", "add", "typed", "-").code == 0
    assert segue("notify", "add", "named", "${HOOK}").code == 0

    written = (home / "notifications.yaml").read_text()
    assert written.count("t0ken") == 1
    assert "${HOOK}" in written


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("t0ken", "ops"),
        ("nosuch://t0ken", "ops"),
        ("webhook+http://10.1.2.3/t0ken", "notify_allow_networks"),
        ("webhook+http://169.254.169.254/t0ken", "notify_allow_networks"),
        ("syslog://t0ken", "notify_allow_schemes"),
    ],
)
def test_a_url_that_can_never_work_is_refused_when_it_is_added(
    segue: Command, home: Path, url: str, sentence: str
) -> None:
    done = segue("notify", "add", "ops", url)

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert sentence in done.err
    assert "t0ken" not in done.err
    assert not (home / "notifications.yaml").exists()


def test_what_was_added_can_be_removed(segue: Command) -> None:
    segue("notify", "add", "ops", HOOK)
    segue("notify", "add-rule", "nightly", "--by", "06:00")

    assert segue("notify", "rm", "ops", "nightly").code == 0
    assert listed(segue) == {"targets": [], "rules": [], "problems": []}
    gone = segue("notify", "rm", "ops")
    assert (gone.code, "ops" in gone.err) == (3, True)
    assert segue("notify", "rm").code == 2


# --- rules ---


def test_a_rule_is_listed_in_words_and_for_programs(segue: Command) -> None:
    segue("notify", "add", "ops", HOOK, "--tag", "oncall")
    segue("notify", "add-rule", "failures")
    done = segue("notify", "add-rule", "flaky", "--flow", "etl-*", "--kind", "flow-run.failed", "--count", "5",
                 "--within", "10m", "--for-each", "flow", "--tell", "oncall")  # fmt: skip

    assert (done.code, done.err) == (0, "")
    line = "flaky  5 of flow-run.failed of flow etl-* within 10 min  tell oncall  on  "
    assert line in re.sub(r"  +", "  ", segue("notify", "ls").out)
    [rule] = [rule for rule in listed(segue)["rules"] if rule["name"] == "flaky"]
    assert (rule["when"]["type"], rule["when"]["count"], rule["when"]["within"]) == ("reactive", 5, 600)
    assert (rule["when"]["on"]["kinds"], rule["when"]["on"]["flows"]) == (["flow-run.failed"], ["etl-*"])
    assert rule["muted_until"] is None


@pytest.mark.parametrize(
    ("options", "parts"),
    [(("--kind", "task-run.failed"), True), (("--parts",), True), ((), False), (("--kind", "flow-run.failed"), False)],
)
def test_a_rule_on_task_runs_only_means_those_within_flows(
    segue: Command, options: tuple[str, ...], parts: bool
) -> None:
    segue("notify", "add", "ops", HOOK)
    segue("notify", "add-rule", "mine", *options)

    [rule] = listed(segue)["rules"]

    assert rule["parts"] == parts


def test_a_rule_that_takes_the_place_of_the_built_in_one_says_so(segue: Command) -> None:
    segue("notify", "add", "ops", HOOK)

    assert "The built-in rule 'failures' holds no more" in segue("notify", "add-rule", "nightly", "--by", "06:00").err
    assert segue("notify", "add-rule", "failures").err == ""


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--by 25:00", "--by '25:00' is no time of day"),
        ("--by 06:00 --timezone Mars/Olympus", "Mars/Olympus"),
        ("--count 3", "within"),
        ("--kind notification.*", "notification"),
        ("--for-each moon", "moon"),
        ("--title {{name", "title"),
        ("--severity grave", "grave"),
    ],
)
def test_a_rule_that_cannot_work_is_refused_when_it_is_added(
    segue: Command, home: Path, options: str, sentence: str
) -> None:
    done = segue("notify", "add-rule", "wrong", *options.split())

    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
    assert sentence in done.err
    assert not (home / "notifications.yaml").exists()


def test_the_files_that_the_docs_show_are_understood(
    segue: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLACK_URL", "slack+http://127.0.0.1:1/services/a/b/c")
    monkeypatch.setenv("AUDIT_SECRET", "hunter2")
    document, acting = re.findall(r"^```yaml\n(.*?)^```$", DOCS.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "notifications.yaml").write_text(document)

    shown = listed(segue)

    assert shown["problems"] == []
    assert [target["name"] for target in shown["targets"]] == ["ops", "audit"]
    assert [rule["name"] for rule in shown["rules"]] == ["failures", "nightly", "loaded-but-not-checked"]
    assert "hunter2" not in json.dumps(shown)

    (tmp_path / "notifications.yaml").write_text(f"targets: {{ops: {{url: {HOOK}, tags: oncall}}}}\n{acting}")
    shown = listed(segue)

    assert shown["problems"] == []
    assert [rule["name"] for rule in shown["rules"]] == ["clean-up-after-failures"]


def test_a_mistake_in_a_file_is_told_and_what_is_right_is_shown(segue: Command, tmp_path: Path) -> None:
    (tmp_path / "notifications.yaml").write_text(f"targets:\n  ops: {HOOK}\n  other: {{ulr: log://}}\n")

    done = segue("notify", "ls")

    assert done.code == 0
    assert "ops" in done.out
    assert done.err.startswith("Warning: ")
    assert "ulr" in done.err


# --- trying ---


async def call(segue: Command, *arguments: str) -> Done:
    """Call the command beside the receivers, which need the loop of the test."""
    return await anyio.to_thread.run_sync(lambda: segue(*arguments))


async def test_a_trial_sends_a_real_message_and_tells_each_answer(segue: Command) -> None:
    async with Receiver() as good, Receiver(answers=[Answer(status=403, body=b"no such channel")]) as bad:
        await call(segue, "notify", "add", "good", good.url(scheme="webhook+http"), "--tag", "oncall")
        await call(segue, "notify", "add", "bad", bad.url(scheme="webhook+http"))
        done = await call(segue, "notify", "test")
        alone = await call(segue, "notify", "test", "oncall", "-o", "json")

    assert done.code == 1
    assert done.out.splitlines()[0].startswith("good  delivered  (")
    assert done.out.splitlines()[1].startswith("bad  not delivered: ")
    assert "403" in done.out
    assert len(good.requests) == 2
    assert "A test of the alerts to good" in good.requests[0].body.decode()
    [answer] = parsed(alone)
    assert (answer["target"], answer["delivered"], answer["reason"]) == ("good", True, None)


async def test_a_trial_takes_the_url_from_the_environment(segue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Receiver() as receiver:
        monkeypatch.setenv("HOOK", receiver.url(scheme="webhook+http"))
        await call(segue, "notify", "add", "ops", "${HOOK}")
        found = await call(segue, "notify", "test", "ops")
        monkeypatch.delenv("HOOK")
        missing = await call(segue, "notify", "test", "ops")

    assert (found.code, len(receiver.requests)) == (0, 1)
    assert missing.code == 1
    assert "HOOK, which the environment does not have" in missing.out


async def test_a_trial_of_a_rule_goes_to_those_it_tells(segue: Command) -> None:
    async with Receiver() as told, Receiver() as other:
        await call(segue, "notify", "add", "told", told.url(scheme="webhook+http"), "--tag", "oncall")
        await call(segue, "notify", "add", "other", other.url(scheme="webhook+http"))
        await call(segue, "notify", "add-rule", "urgent", "--tell", "oncall")
        assert (await call(segue, "notify", "test", "urgent")).code == 0

    assert (len(told.requests), len(other.requests)) == (1, 0)


async def test_a_target_that_does_not_answer_costs_its_time_and_no_other(segue: Command) -> None:
    async with Receiver(None) as silent, Receiver() as good:
        await call(segue, "notify", "add", "silent", silent.url(scheme="webhook+http"), "--timeout", "0.2s")
        await call(segue, "notify", "add", "good", good.url(scheme="webhook+http"))
        done = await call(segue, "notify", "test", "silent", "good")

    assert done.code == 1
    assert "silent  not delivered: There was no answer within 0.2 seconds." in done.out
    assert "good  delivered" in done.out


def test_a_trial_of_nobody_is_refused(segue: Command) -> None:
    assert segue("notify", "test").err == ("Error: There are no targets yet; `segue notify add NAME URL` adds one.\n")
    segue("notify", "add", "ops", HOOK)

    done = segue("notify", "test", "oops")

    assert done.code == 3
    assert done.err.startswith("Error: No target, tag or rule with targets is called 'oops'. Did you mean 'ops'?")


def test_a_network_that_cannot_be_read_is_a_broken_setting(segue: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    segue("notify", "add", "ops", HOOK)
    monkeypatch.setenv("SEGUE_NOTIFY_ALLOW_NETWORKS", "here")

    done = segue("notify", "test")

    assert (done.code, done.out) == (78, "")
    assert "notify_allow_networks has 'here', which is no network" in done.err


# --- silence ---


async def test_a_rule_is_muted_for_a_while_and_speaks_again(segue: Command, recorded: Path) -> None:
    await call(segue, "notify", "add", "ops", HOOK)
    done = await call(segue, "notify", "mute", "failures", "--for", "2h")
    until = [rule["muted_until"] for rule in (await anyio.to_thread.run_sync(listed, segue))["rules"]]
    shown = (await call(segue, "notify", "ls")).out
    again = await call(segue, "notify", "unmute", "failures")

    assert done.out.startswith("Rule 'failures' is silent until 20")
    assert None not in until
    assert "  muted until 20" in shown
    assert again.out == "Rule 'failures' speaks again.\n"
    assert "  muted" not in (await call(segue, "notify", "ls")).out
    muted, unmuted = await events(recorded, "rule.muted")
    assert muted.payload["until"] - muted.occurred == pytest.approx(2 * 3600e6, abs=60e6)
    assert unmuted.payload["until"] == 0


def test_a_mute_without_an_end_lasts_until_it_is_taken_back(segue: Command, recorded: Path) -> None:
    segue("notify", "add", "ops", HOOK)

    assert segue("notify", "mute", "failures").out == "Rule 'failures' is silent until `segue notify unmute`.\n"
    assert "  muted  " in segue("notify", "ls").out


async def test_who_acknowledges_and_which_group_is_in_the_journal(segue: Command, recorded: Path) -> None:
    await call(segue, "notify", "add", "ops", HOOK)
    await call(segue, "notify", "ack", "failures", "--group", "etl")
    await call(segue, "notify", "ack", "failures")

    one, every = await events(recorded, "notification.acknowledged")
    assert (one.payload["rule"], one.payload["group"]) == ("failures", ["etl"])
    assert "group" not in every.payload
    assert isinstance(every.payload["by"], str)


def test_a_rule_is_muted_before_anything_was_recorded(segue: Command, home: Path) -> None:
    segue("notify", "add", "ops", HOOK)

    done = [segue("notify", *words).code for words in (("mute", "failures"), ("ack", "failures"))]

    assert done == [0, 0]
    assert "  muted  " in segue("notify", "ls").out
    assert segue("flow-run", "ls").code == 0


@pytest.mark.parametrize("command", ["mute", "unmute", "ack"])
def test_a_rule_that_is_not_there_can_be_neither_muted_nor_acknowledged(
    segue: Command, recorded: Path, command: str
) -> None:
    segue("notify", "add", "ops", HOOK)

    done = segue("notify", command, "failure")

    assert done.code == 3
    assert "There is no rule 'failure'. Did you mean 'failures'?" in done.err


# --- what was told ---


async def test_the_log_tells_each_attempt_the_latest_first(segue: Command, recorded: Path) -> None:
    about = {"message": "m1", "target": "ops", "rule": "failures", "title": "etl failed"}
    async with SqliteJournal(recorded) as journal:
        await journal.append(
            [
                Event(kind="notification.failed", payload={**about, "attempt": 1, "reason": "503 busy", "next": 2}),
                Event(kind="notification.sent", payload={**about, "attempt": 2}),
                Event(
                    kind="notification.dead", payload={**about, "target": "audit", "attempt": 9, "reason": "410 gone"}
                ),
            ]
        )
    every = parsed(await call(segue, "notify", "log", "-o", "json"))
    shown = (await call(segue, "notify", "log", "--target", "ops")).out

    assert [(line["target"], line["outcome"], line["reason"]) for line in every] == [
        ("audit", "dead", "410 gone"),
        ("ops", "sent", None),
        ("ops", "failed", "503 busy"),
    ]
    assert "sent, attempt 2" in shown
    assert "audit" not in shown
    assert parsed(await call(segue, "notify", "log", "--rule", "others", "-o", "json")) == []
    assert len(parsed(await call(segue, "notify", "log", "--limit", "1", "-o", "json"))) == 1


# --- the notifier in the foreground ---


async def test_a_notifier_in_the_foreground_tells_until_it_is_interrupted(
    segue: Command, segue_process: Command, tmp_path: Path
) -> None:
    """It tells what failed just before it began, too: a run that fails meanwhile counts on it."""
    script = tmp_path / "script.py"
    script.write_text("from segue import flow\n@flow\ndef breaks():\n    raise ValueError('broken')\n")
    async with Receiver() as receiver:
        await call(segue_process, "run", f"{script}:breaks")
        await call(segue, "notify", "add", "ops", receiver.url(scheme="webhook+http"))
        command = [sys.executable, "-m", "segue", "notify", "run"]
        process = await anyio.open_process(command, stdout=None, stderr=None)
        try:
            [document] = await receiver.received()
        finally:
            process.send_signal(signal.SIGINT)
            code = await process.wait()

    assert "breaks" in document["title"]
    assert code == 0
