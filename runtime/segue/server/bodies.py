"""Bodies: records of the store as the wire types that say the same."""

import logging
from typing import Any, TypeVar

import msgspec

from segue.api import types
from segue.api.types import instant_text
from segue.records import FlowRun, LogLine, TaskRun
from segue.run_events import reason, state_of
from segue.states import State, microseconds
from segue.store.histories import Stretch
from segue_events import Cursor, Event

__all__ = (
    "event_body",
    "flow_node",
    "flow_run_body",
    "flow_run_item",
    "instant_or_none",
    "log_line_body",
    "log_line_text",
    "state_body",
    "state_change",
    "task_node",
    "task_run_body",
    "task_run_item",
)


T = TypeVar("T")


def instant_or_none(at: int | None) -> str | None:
    """Return the text of an instant in µs since the epoch, None where there is none."""
    return None if at is None else instant_text(at)


def state_body(state: State[Any]) -> types.StateBody:
    """Return a state."""
    return types.StateBody(
        type=state.type, name=state.name, message=state.message, timestamp=instant_text(state.occurred)
    )


def flow_run_item(run: FlowRun, task_counts: dict[str, int], deployment_id: str | None = None) -> types.FlowRunItem:
    """Return a flow run as lists tell of it."""
    return types.FlowRunItem(**_flow_run(run, task_counts), deployment_id=deployment_id)


def flow_run_body(
    run: FlowRun, task_counts: dict[str, int], waiting_for: str = "", deployment_id: str | None = None
) -> types.FlowRunBody:
    """Return a flow run with all that is known of it; `waiting_for` is why it has not begun, "" where it has."""
    return types.FlowRunBody(
        **_flow_run(run, task_counts),
        parameters=_as(dict[str, Any], run.parameters) or {},
        pid=run.pid or None,
        entrypoint=run.entrypoint,
        waiting_for=waiting_for or None,
        deployment_id=deployment_id,
        **_outcome(run),
    )


def task_run_item(run: TaskRun) -> types.TaskRunItem:
    """Return a task run as lists tell of it."""
    return types.TaskRunItem(**_task_run(run))


def task_run_body(run: TaskRun) -> types.TaskRunBody:
    """Return a task run with all that is known of it."""
    return types.TaskRunBody(**_task_run(run), **_outcome(run))


def state_change(event: Event) -> types.StateChange:
    """Return the state that a run came to with an event."""
    state = state_of(event)
    due = state.state_details.scheduled_time
    return types.StateChange(
        seq=event.seq,
        type=state.type,
        name=state.name,
        message=state.message,
        reason=reason(event.payload),
        timestamp=instant_text(state.occurred),
        due=None if due is None else instant_text(microseconds(due)),
    )


def task_node(run: TaskRun, stretches: list[Stretch]) -> types.GraphNode:
    """Return a task run as a node of its flow run's graph."""
    shown = [
        types.Stretch(type=one.type, name=one.name, start=instant_text(one.start), end=instant_or_none(one.end))
        for one in stretches
    ]
    return types.GraphNode(kind="task-run", label=run.task_name, stretches=shown, **_node(run))


def flow_node(run: FlowRun) -> types.GraphNode:
    """Return a flow run as a node of the graph of the one it was called in."""
    return types.GraphNode(kind="flow-run", label=run.flow_name, **_node(run))


def event_body(event: Event, head: Cursor) -> types.EventBody:
    """Return an event of the journal that `head` is a cursor of."""
    return types.EventBody(
        seq=event.seq,
        cursor=str(msgspec.structs.replace(head, seq=event.seq)),
        id=event.id,
        kind=event.kind,
        run=event.run,
        subject=event.subject,
        occurred=instant_text(event.occurred),
        payload=event.payload,
    )


def log_line_body(line: LogLine) -> types.LogLineBody:
    """Return a log line."""
    return types.LogLineBody(
        seq=line.seq,
        occurred=instant_text(line.occurred),
        level=line.level,
        level_name=logging.getLevelName(line.level),
        logger=line.logger,
        message=line.message,
        flow_run_id=line.flow_run_id or None,
        task_run_id=line.task_run_id or None,
    )


def log_line_text(line: LogLine, who: str) -> str:
    """Return a log line as a line of a file; `who` is the name of the run that logged it."""
    return f"{instant_text(line.occurred)} | {logging.getLevelName(line.level):<8} | {who} - {line.message}\n"


def _run(run: FlowRun | TaskRun) -> dict[str, Any]:
    ended = None if run.started is None or run.ended is None else (run.ended - run.started) / 1e6
    return {
        "id": run.id,
        "name": run.name,
        "tags": run.tags,
        "parent_id": run.parent_id or None,
        "epoch": run.epoch,
        "state": state_body(run.state),
        "run_count": run.run_count,
        "created": instant_or_none(run.created),
        "started": instant_or_none(run.started),
        "ended": instant_or_none(run.ended),
        "duration": ended,
    }


def _node(run: FlowRun | TaskRun) -> dict[str, Any]:
    shared = ("id", "name", "parent_id", "state", "run_count", "created", "started", "ended")
    known = _run(run)
    return {name: known[name] for name in shared}


def _flow_run(run: FlowRun, task_counts: dict[str, int]) -> dict[str, Any]:
    return {
        **_run(run),
        "flow_name": run.flow_name,
        "flow_version": run.flow_version,
        "root_id": run.root_id or None,
        "task_counts": task_counts,
    }


def _task_run(run: TaskRun) -> dict[str, Any]:
    return {
        **_run(run),
        "task_name": run.task_name,
        "flow_run_id": run.flow_run_id or None,
        "upstream": run.upstream,
        "step_key": run.step_key,
        "cache_key": run.cache_key,
    }


def _outcome(run: FlowRun | TaskRun) -> dict[str, Any]:
    return {
        "has_result": run.result is not None,
        "result": run.result,
        "stored_result": _as(dict[str, Any], run.ref),
        "error": _as(types.ErrorBody, run.error),
    }


def _as(kind: type[T], told: Any) -> T | None:
    """Return what an event tells as this type; None where it is not so, since anybody may have sent it."""
    try:
        return None if told is None else msgspec.convert(told, kind)
    except msgspec.ValidationError:
        return None
