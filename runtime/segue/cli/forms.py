"""Records of runs as the command shows them: as JSON, with names that stay, and as fields for people."""

import json
import logging
from typing import Any

import msgspec

from segue import run_events
from segue.cli.output import Cell, say
from segue.cli.text import ago, clean_line, clock_time, duration, instant, iso
from segue.cli.tree import STYLES
from segue.records import FlowRun, LogLine, TaskRun
from segue.states import State
from segue_events import Event

__all__ = (
    "flow_run_fields",
    "flow_run_json",
    "history_json",
    "log_cells",
    "log_json",
    "run_duration",
    "say_history",
    "state_cell",
    "task_run_fields",
    "task_run_json",
)


LEVEL_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "bold red"}


def state_cell(state: State[Any]) -> Cell:
    """The state's name, in the colour of its type."""
    return Cell(state.name, STYLES[state.type.value.lower()])


def run_duration(run: FlowRun | TaskRun, now: int) -> str:
    """How long the run took, or has been running; nothing if it has not begun."""
    return "" if run.started is None else duration((run.ended or now) - run.started)


def flow_run_json(run: FlowRun) -> dict[str, Any]:
    """A flow run for programs."""
    return {
        "id": run.id,
        "name": run.name,
        "flow_name": run.flow_name,
        "flow_version": run.flow_version,
        "entrypoint": run.entrypoint,
        "parameters": run.parameters,
        "parent_id": run.parent_id or None,
        "root_id": run.root_id,
        "pid": run.pid,
        **_run_json(run),
    }


def task_run_json(run: TaskRun) -> dict[str, Any]:
    """A task run for programs."""
    return {
        "id": run.id,
        "name": run.name,
        "task_name": run.task_name,
        "flow_run_id": run.flow_run_id or None,
        "parent_id": run.parent_id or None,
        "upstream": run.upstream,
        "step_key": run.step_key,
        "cache_key": run.cache_key,
        **_run_json(run),
    }


def _run_json(run: FlowRun | TaskRun) -> dict[str, Any]:
    return {
        "tags": run.tags,
        "state": state_json(run.state),
        "run_count": run.run_count,
        "created": _iso(run.created),
        "started": _iso(run.started),
        "ended": _iso(run.ended),
        "duration_seconds": None if run.started is None or run.ended is None else (run.ended - run.started) / 1e6,
        "result": None if run.result is None else msgspec.json.decode(run.result),
        "stored_result": run.ref,
        "error": run.error,
    }


def state_json(state: State[Any]) -> dict[str, Any]:
    """A state for programs."""
    return {"type": state.type.value, "name": state.name, "message": state.message, "occurred": iso(state.occurred)}


def log_json(line: LogLine) -> dict[str, Any]:
    """A log line for programs."""
    return {
        "occurred": iso(line.occurred),
        "level": line.level,
        "level_name": logging.getLevelName(line.level),
        "logger": line.logger,
        "message": line.message,
        "flow_run_id": line.flow_run_id or None,
        "task_run_id": line.task_run_id or None,
    }


def log_cells(occurred: int, level: int, who: str, message: str) -> list[Cell]:
    """A log line for people, as the console shows it: when, how grave, who, what."""
    head = f"{clock_time(occurred)} | {logging.getLevelName(level):<7} | {clean_line(who)} - "
    return [Cell(head, "dim"), Cell(message, LEVEL_STYLES.get(level, ""))]


def history_json(events: list[Event]) -> list[dict[str, Any]]:
    """The states a run went through, with why."""
    return [{**state_json(run_events.state_of(event)), "reason": run_events.reason(event.payload)} for event in events]


def say_history(events: list[Event]) -> None:
    """Print the states a run went through, with why."""
    say()
    for event in events:
        state = run_events.state_of(event)
        padding = " " * max(14 - len(state.name), 1)
        say(
            Cell(f"{instant(event.occurred)}  ", "dim"),
            state_cell(state),
            padding,
            clean_line(run_events.reason(event.payload), 400),
        )


def flow_run_fields(run: FlowRun, counts: dict[str, int], now: int) -> list[tuple[str, Cell | str]]:
    """A flow run for people."""
    tasks = ", ".join(f"{count:,} {state.lower()}" for state, count in counts.items())
    return [
        ("Flow run", Cell(run.name, "bold")),
        ("Flow", run.flow_name),
        *_run_fields(run, now),
        ("Task runs", tasks),
        ("Parameters", clean_line(json.dumps(run.parameters, ensure_ascii=False), 2000) if run.parameters else ""),
        ("Result", _result(run)),
        ("Entrypoint", run.entrypoint),
        ("Process", str(run.pid or "")),
        ("Called in", run.parent_id),
    ]


def task_run_fields(run: TaskRun, now: int) -> list[tuple[str, Cell | str]]:
    """A task run for people."""
    return [
        ("Task run", Cell(run.name, "bold")),
        ("Task", run.task_name),
        *_run_fields(run, now),
        ("Flow run", run.flow_run_id),
        ("Called in", run.parent_id),
        ("After", "\n".join(run.upstream[:10]) + ("\n…" if len(run.upstream) > 10 else "")),
        ("Step", run.step_key),
        ("Cache key", run.cache_key or ""),
        ("Result", _result(run)),
    ]


def _run_fields(run: FlowRun | TaskRun, now: int) -> list[tuple[str, Cell | str]]:
    return [
        ("Id", run.id),
        ("State", state_cell(run.state)),
        ("", run.state.message),
        ("Started", "" if run.started is None else f"{instant(run.started)} ({ago(run.started, now)})"),
        ("Duration", run_duration(run, now)),
        ("Attempts", str(run.run_count) if run.run_count > 1 else ""),
        ("Tags", ", ".join(run.tags)),
    ]


def _result(run: FlowRun | TaskRun) -> str:
    if run.ref is not None:
        return f"kept in {run.ref.get('storage', 'its storage')}: {run.ref.get('key', '')}"
    text = "" if run.result is None else bytes(run.result).decode()
    return "" if text == "null" else clean_line(text, 400)


def _iso(microseconds: int | None) -> str | None:
    return None if microseconds is None else iso(microseconds)
