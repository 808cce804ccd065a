"""How a run is shown while it runs: lines in a file, a tree on a terminal."""

import io
from typing import Any

import pytest

from segue.cli.tree import RunTree
from segue.cli.views import PlainView, TreeView, choose_view
from segue_events import Event
from segue_events.testing import FakeClock

SECOND = 1_000_000


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def event(at: int, kind: str, subject: str = "F", **payload: Any) -> Event:
    return Event(kind=kind, run="F", subject=subject, payload=payload, occurred=at)


def run_of(tasks: int) -> list[Event]:
    """A flow that maps one task over some inputs, each of which takes a second."""
    begin = [event(0, "flow-run.pending", flow="etl", name="brave-otter"), event(0, "flow-run.running")]
    pending = [event(1, "task-run.pending", str(i), task="fetch", name=f"fetch-{i}") for i in range(tasks)]
    rest = [
        event(at, kind, str(i))
        for i in range(tasks)
        for at, kind in ((i * SECOND, "task-run.running"), ((i + 1) * SECOND, "task-run.completed"))
    ]
    return [*begin, *pending, *rest, event(tasks * SECOND, "flow-run.completed")]


def lines_of(stream: io.StringIO) -> list[str]:
    return [line.partition(" | ")[2] for line in stream.getvalue().splitlines()]


def test_a_map_is_told_in_round_numbers_and_at_its_end() -> None:
    stream = io.StringIO()
    PlainView(RunTree(), stream, logs=False).take(run_of(23))

    assert lines_of(stream) == [
        "fetch: 10 of 23 ended (10.0 s)",
        "fetch: 20 of 23 ended (20.0 s)",
        "fetch: 23 of 23 ended (23.0 s)",
    ]


def test_a_task_that_runs_once_is_told_when_it_ends() -> None:
    stream = io.StringIO()
    PlainView(RunTree(), stream, logs=False).take(run_of(1))

    assert lines_of(stream) == ["fetch: completed (1.0 s)"]


def test_tasks_one_after_another_do_not_get_a_line_each() -> None:
    stream = io.StringIO()
    begin, _, end = run_of(0)
    view = PlainView(RunTree(), stream, logs=False)
    view.take([begin])
    for number in range(9):
        view.take([event(number * 1000, "task-run.pending", str(number), task="fetch", name=f"fetch-{number}")])
        view.take(
            [
                event(number * 1000, "task-run.running", str(number)),
                event(number * 1000, "task-run.completed", str(number)),
            ]
        )
    view.take([end])

    assert lines_of(stream) == ["fetch: completed (0 ms)", "fetch: 9 of 9 ended (8 ms)"]


def test_log_lines_are_shown_where_they_do_not_show_themselves() -> None:
    stream = io.StringIO()
    events = [*run_of(0)[:2], event(5, "log.written", level=30, message="hot\x1b[2J"), event(6, "log.written", "T")]
    PlainView(RunTree(), stream, logs=True).take(events)

    assert lines_of(stream) == ["WARNING | brave-otter - hot␛[2J", "NOTSET  | T -"]


def test_the_last_drawing_of_a_tree_stays_on_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    stream = Terminal()
    view = TreeView(RunTree(), FakeClock(), stream, logs=True)
    with view.shown():
        view.take([*run_of(12), event(5, "log.written", level=20, message="hello [bold]\x1b")])

    text = stream.getvalue()
    assert "hello [bold]␛" in text
    assert "━━━━━━━━━━━━━━━━━━━━" in text
    assert "12/12" in text
    assert text.rstrip().endswith("\x1b[?25h")


def test_a_tree_is_for_terminals_and_lines_for_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr("sys.stdout", io.StringIO())

    assert isinstance(choose_view(RunTree(), FakeClock(), watch=True, logs=False), TreeView)
    assert isinstance(choose_view(RunTree(), FakeClock(), watch=True, logs=True), PlainView)
