"""Records: what a server tells of runs, log lines and events, as the records that the rest of segue works with."""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.api import types
from segue.api.artifacts import ArtifactBody
from segue.api.types import microseconds_in
from segue.records import FlowRun, LogLine, TaskRun
from segue.records.artifacts import Artifact
from segue.states import State
from segue_events import Event

__all__ = ("artifact_in", "event_in", "flow_run_in", "log_line_in", "task_run_in")


def flow_run_in(told: types.FlowRunItem) -> FlowRun:
    """Return the flow run that a server tells of; without result, error and parameters where it is from a list."""
    more: dict[str, Any] = {}
    if isinstance(told, types.FlowRunBody):
        more = {
            "parameters": told.parameters,
            "pid": told.pid or 0,
            "entrypoint": told.entrypoint,
            **_outcome(told),
        }
    return FlowRun(
        **_run(told),
        flow_name=told.flow_name,
        flow_version=told.flow_version,
        root_id=told.root_id or "",
        **more,
    )


def task_run_in(told: types.TaskRunItem) -> TaskRun:
    """Return the task run that a server tells of; without result and error where it is from a list."""
    place, input_hash, ordinal = _step(told.step_key)
    return TaskRun(
        **_run(told),
        task_name=told.task_name,
        flow_run_id=told.flow_run_id or "",
        scope=place.removesuffix(f"/{told.task_name}"),
        input_hash=input_hash,
        ordinal=ordinal,
        upstream=told.upstream,
        cache_key=told.cache_key,
        **(_outcome(told) if isinstance(told, types.TaskRunBody) else {}),
    )


def log_line_in(told: types.LogLineBody) -> LogLine:
    """Return the log line that a server tells of."""
    return LogLine(
        seq=told.seq,
        occurred=microseconds_in(told.occurred),
        level=told.level,
        logger=told.logger,
        message=told.message,
        flow_run_id=told.flow_run_id or "",
        task_run_id=told.task_run_id or "",
    )


def artifact_in(told: ArtifactBody) -> Artifact:
    """Return the artifact that a server tells of."""
    return Artifact(
        id=told.id,
        type=told.type,
        data=told.data,
        key=told.key or "",
        description=told.description,
        flow_run_id=told.flow_run_id or "",
        task_run_id=told.task_run_id or "",
        created=microseconds_in(told.created),
        updated=microseconds_in(told.updated),
    )


def event_in(told: types.EventBody) -> Event:
    """Return the event that a server tells of."""
    return Event(
        seq=told.seq,
        id=told.id,
        kind=told.kind,
        run=told.run,
        subject=told.subject,
        occurred=microseconds_in(told.occurred),
        payload=told.payload,
    )


def _run(told: types.FlowRunItem | types.TaskRunItem) -> dict[str, Any]:
    state = told.state
    return {
        "id": told.id,
        "name": told.name,
        "tags": told.tags,
        "parent_id": told.parent_id or "",
        "epoch": told.epoch,
        "state": State[Any](state.type, state.name, state.message, microseconds_in(state.timestamp)),
        "run_count": told.run_count,
        "created": _instant(told.created),
        "started": _instant(told.started),
        "ended": _instant(told.ended),
    }


def _outcome(told: types.FlowRunBody | types.TaskRunBody) -> dict[str, Any]:
    return {
        "result": msgspec.Raw(msgspec.json.encode(told.result)) if told.has_result else None,
        "ref": told.stored_result,
        "error": None if told.error is None else msgspec.to_builtins(told.error),
    }


def _step(key: str) -> tuple[str, str, int]:
    """Return place and task, input and ordinal, which a step's key is made of."""
    parts: Sequence[str] = key.rsplit("#", 2)
    if len(parts) < 3 or not parts[2].isdecimal():
        return key, "", 0
    return parts[0], parts[1], int(parts[2])


def _instant(text: str | None) -> int | None:
    return None if text is None else microseconds_in(text)
