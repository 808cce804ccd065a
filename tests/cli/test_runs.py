"""segue flow-run, task-run, events: what was recorded, found again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command, Done

SCRIPT = """\
import asyncio
from segue import flow, task, get_run_logger

@task(retries=1)
async def fetch(month):
    get_run_logger().info("fetching %s", month)
    if month == 3:
        raise ValueError("no \\x1b[31mmarch")
    return month

@flow
async def months(n: int = 5):
    get_run_logger().warning("%s months", n)
    await asyncio.gather(*[fetch(month) for month in range(n)], return_exceptions=True)
    if n > 3:
        raise ValueError("a month is missing")
    return n

@flow
async def waits():
    print("waiting", flush=True)
    await asyncio.sleep(60)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A script whose flow fails with more than three months."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = tmp_path / f"script_{os.urandom(4).hex()}.py"
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def recorded(segue: Command, script: Path) -> dict[str, Any]:
    """Two runs: one that completed, and then this one, which failed."""
    assert segue("run", f"{script}:months", "-p", "n=2").code == 0
    assert segue("run", f"{script}:months").code == 1
    return json.loads(segue("flow-run", "ls", "-o", "json").out)[0]


def parsed(done: Done) -> Any:
    assert (done.code, done.err) == (0, "")
    return json.loads(done.out)


def test_runs_are_listed_the_latest_first_and_by_what_is_asked(segue: Command, recorded: dict[str, Any]) -> None:
    every = segue("flow-run", "ls").out.splitlines()

    assert every[0].split() == ["ID", "FLOW", "NAME", "STATE", "WHEN", "DURATION"]
    assert every[1].startswith(f"{recorded['id']}  months  {recorded['name']}")
    assert [len(parsed(segue("flow-run", "ls", "-o", "json", *wish))) for wish in (
        ["--state", "failed"], ["--state", "Failed", "--state", "completed"], ["--state", "TimedOut"],
        ["--flow-name", "months"], ["--flow-name", "others"], ["--limit", "1"],
    )] == [1, 2, 0, 2, 0, 1]  # fmt: skip


def test_a_run_is_found_by_its_id_the_beginning_of_it_or_its_name(segue: Command, recorded: dict[str, Any]) -> None:
    for wanted in (recorded["id"], recorded["id"][:-2], recorded["name"]):
        assert parsed(segue("flow-run", "inspect", wanted, "-o", "json"))["id"] == recorded["id"]


def test_inspect_tells_states_with_why_counts_and_the_error(segue: Command, recorded: dict[str, Any]) -> None:
    shown = parsed(segue("flow-run", "inspect", recorded["id"], "-o", "json"))
    text = segue("flow-run", "inspect", recorded["id"]).out

    assert shown["task_run_counts"] == {"COMPLETED": 4, "FAILED": 1}
    assert [state["name"] for state in shown["states"]] == ["Pending", "Running", "Failed"]
    assert shown["states"][-1]["reason"] == "ValueError: a month is missing"
    assert shown["error"]["type"] == "ValueError"
    assert "Task runs   4 completed, 1 failed" in text
    assert 'Parameters  {"n": 5}' in text
    assert "Failed        ValueError: a month is missing" in text
    assert 'raise ValueError("a month is missing")' in text


def test_a_task_run_tells_its_attempts(segue: Command, recorded: dict[str, Any]) -> None:
    failed = parsed(segue("task-run", "ls", "--state", "failed", "-o", "json"))
    shown = parsed(segue("task-run", "inspect", failed[0]["id"], "-o", "json"))
    text = segue("task-run", "inspect", failed[0]["id"]).out

    assert [run["task_name"] for run in failed] == ["fetch"]
    assert [state["name"] for state in shown["states"]] == ["Pending", "Running", "Retrying", "Failed"]
    assert shown["flow_run_id"] == recorded["id"]
    assert "ValueError: no ␛[31mmarch" in text
    assert "\x1b" not in text


def test_task_runs_are_listed_by_flow_run_and_task(segue: Command, recorded: dict[str, Any]) -> None:
    assert len(parsed(segue("task-run", "ls", "-o", "json"))) == 7
    assert len(parsed(segue("task-run", "ls", "--flow-run", recorded["name"], "-o", "json"))) == 5
    assert len(parsed(segue("task-run", "ls", "--limit", "2", "-o", "json"))) == 2
    assert segue("task-run", "ls", "--task-name", "other").out == "No task runs.\n"


def test_logs_have_the_names_of_who_wrote_them(segue: Command, recorded: dict[str, Any]) -> None:
    lines = segue("flow-run", "logs", recorded["id"]).out.splitlines()

    assert f"| WARNING | {recorded['name']} - 5 months" in lines[1]
    assert {f"| INFO    | fetch-{month} - fetching {month}" for month in range(5)} <= {line[13:] for line in lines}


@pytest.mark.parametrize(
    ("options", "first", "count"),
    [
        (["--head", "-n", "2"], "Beginning", 2),
        (["-n", "1"], "Beginning", 1),
        (["--tail", "-n", "1"], "Finished", 1),
        (["--tail"], "Beginning", None),
        (["--reverse"], "Finished", None),
        (["--level", "warning"], "5 months", None),
        (["--follow"], "Beginning", None),
        (["--follow", "--tail", "-n", "1"], "Finished", 1),
    ],
)
def test_logs_can_be_asked_for_in_part(
    segue: Command, recorded: dict[str, Any], options: list[str], first: str, count: int | None
) -> None:
    # A log line may have a traceback below it.
    text = segue("flow-run", "logs", recorded["id"], *options).out.splitlines()
    lines = [line for line in text if " | " in line]

    assert first in lines[0]
    assert count is None or len(lines) == count


def test_logs_as_json_are_a_line_each(segue: Command, recorded: dict[str, Any]) -> None:
    lines = [json.loads(line) for line in segue("flow-run", "logs", recorded["id"], "-o", "json").out.splitlines()]

    assert lines[1]["message"] == "5 months"
    assert lines[1]["level_name"] == "WARNING"


def test_a_run_that_has_ended_is_watched_to_its_end_at_once(segue: Command, recorded: dict[str, Any]) -> None:
    done = segue("flow-run", "watch", recorded["id"])

    assert done.code == 1
    assert "5 months" in done.out
    assert "of 'months' failed after" in done.out
    assert done.out.splitlines()[-1] == f"segue flow-run inspect {recorded['id']}"


def test_a_deleted_run_is_not_found_again(segue: Command, recorded: dict[str, Any]) -> None:
    assert segue("flow-run", "delete", recorded["id"], "nobody").code == 3
    assert (
        segue("flow-run", "delete", recorded["id"]).out
        == f"Deleted flow run '{recorded['name']}' ({recorded['id']}).\n"
    )
    assert segue("flow-run", "inspect", recorded["id"]).code == 3
    assert len(parsed(segue("flow-run", "ls", "-o", "json"))) == 1


def test_the_stream_goes_on_where_it_was(segue: Command, recorded: dict[str, Any]) -> None:
    first = segue("events", "stream", "--from", "start", "--limit", "3", "-o", "json")
    events = [json.loads(line) for line in first.out.splitlines()]
    rest = segue("events", "stream", "--no-follow", "--from", events[-1]["cursor"], "-o", "json")

    assert [event["seq"] for event in events] == [1, 2, 3]
    assert f"segue events stream --from {events[-1]['cursor']}" in first.err
    assert json.loads(rest.out.splitlines()[0])["seq"] == 4


def test_the_stream_has_what_is_asked_for(segue: Command, recorded: dict[str, Any]) -> None:
    wanted = ["--kind", "flow-run.*", "--kind", "!*.pending", "--run", recorded["name"]]
    done = segue("events", "stream", "--no-follow", *wanted, "-o", "json")

    assert [json.loads(line)["kind"] for line in done.out.splitlines()] == ["flow-run.running", "flow-run.failed"]
    for start in ("start", "0"):
        assert "flow-run.running" in segue("events", "stream", "--from", start, "--kind", "*.running", "--run-once").out


@pytest.mark.parametrize(
    ("command", "code", "sentence"),
    [
        ("flow-run inspect nobody", 3, "There is no run 'nobody'."),
        ("flow-run inspect 01", 2, "may be any of 2 runs"),
        ("flow-run inspect", 2, "requires an argument"),
        ("flow-run ls --state faild", 2, "There is no state 'faild'. Did you mean 'Failed'?"),
        ("flow-run ls --limit 0", 2, "--limit"),
        ("flow-run ls --limit many", 2, "--limit"),
        ("flow-run logs 01 --head --tail", 2, "--head and --tail exclude one another"),
        ("flow-run logs 01 -f --reverse", 2, "--follow goes on at the end"),
        ("flow-run logs 01 --level loud", 2, "There is no level 'loud'."),
        ("flow-run logs 01 -n 0", 2, "--num-logs 0 would show nothing"),
        ("flow-run delete", 2, "Say which run to delete"),
        ("task-run inspect nobody", 3, "There is no run 'nobody'."),
        ("events stream --from here", 2, "'here' is no cursor"),
        ("events stream --from 00000000-0000-0000-0000-000000000000:1:0", 3, "another journal"),
        ("events stream --limit 0", 2, "--limit 0 would show nothing"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence(
    segue: Command, recorded: dict[str, Any], command: str, code: int, sentence: str
) -> None:
    done = segue(*command.split())

    assert (done.code, done.out) == (code, "")
    assert sentence in done.err
    assert done.err.startswith("Error: ")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("flow-run ls", 0),
        ("task-run ls", 0),
        ("flow-run inspect x", 3),
        ("flow-run watch x", 3),
        ("flow-run delete x", 3),
        ("task-run inspect x", 3),
        ("events stream", 3),
        ("journal check", 3),
        ("journal status", 3),
    ],
)
def test_before_the_first_run_it_is_said_where_runs_would_be(
    segue: Command, home: Path, command: str, code: int
) -> None:
    done = segue(*command.split())

    assert done.code == code
    assert f"No runs are recorded yet in {home}/segue.db." in done.out + done.err
    assert not home.exists()


def test_lists_before_the_first_run_are_empty_ones(segue: Command) -> None:
    assert parsed(segue("flow-run", "ls", "-o", "json")) == []
    assert parsed(segue("task-run", "ls", "-o", "json")) == []


def test_a_run_of_another_process_is_watched_until_that_dies(segue: Command, script: Path) -> None:
    command = [sys.executable, "-u", "-m", "segue", "run", f"{script}:waits"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        name = json.loads(segue("flow-run", "ls", "--state", "running", "-o", "json").out)[0]["name"]
        limited = segue("flow-run", "watch", name, "--timeout", "0.01")
        process.send_signal(signal.SIGKILL)
        process.wait()

    died = segue("flow-run", "watch", name)
    followed = segue("flow-run", "logs", "--follow", name)

    assert (limited.code, died.code, followed.code) == (124, 1, 1)
    assert f"Flow run '{name}' has not ended in 0.01 s: it is" in limited.err
    assert f"The process {process.pid} of flow run '{name}' is gone" in died.err
    assert "Beginning flow run" in followed.out
