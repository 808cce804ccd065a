"""Rows: from the tables' rows and the events they point to, back to records."""

from typing import Any, NamedTuple

import msgspec

from segue.projection import shown_ids
from segue.records import FlowRun, TaskRun
from segue.states import DEFAULT_NAMES, FINAL_TYPES, State, StateType
from segue_events import Event
from segue_events.ids import id_in_memory

FLOW_RUN = (
    "type, state, message, changed, id, flow, name, version, parameters, tags, parent, root, epoch, pid, entrypoint,"
    " attempt, created, started, last"
)
"""What to select for a FlowRunRow."""

TASK_RUN = (
    "type, state, message, changed, run, id, task, name, scope, input, ordinal, tags, parent, upstream, epoch,"
    " cache_key, attempt, created, started, last"
)
"""What to select for a TaskRunRow."""

_TYPES = tuple(StateType)


class FlowRunRow(NamedTuple):
    """A row of the table flow_run."""

    type: int
    state: str | None
    message: str | None
    changed: int
    id: bytes | str
    flow: str | None
    name: str | None
    version: str | None
    parameters: str | None
    tags: str | None
    parent: bytes | str | None
    root: bytes | str | None
    epoch: int | None
    pid: int | None
    entrypoint: str | None
    attempt: int | None
    created: int | None
    started: int | None
    last: int

    def record(self) -> FlowRun:
        """Return the run's record, without what only its last event tells."""
        state = state_in(self.type, self.state, self.message, self.changed)
        return FlowRun(
            id=id_in_memory(self.id),
            name=self.name or "",
            flow_name=self.flow or "",
            flow_version=self.version or "",
            parameters=msgspec.json.decode(self.parameters) if self.parameters else {},
            tags=_texts(self.tags),
            parent_id=_id(self.parent),
            root_id=_id(self.root),
            epoch=self.epoch or 1,
            pid=self.pid or 0,
            entrypoint=self.entrypoint or "",
            state=state,
            run_count=self.attempt or 0,
            created=self.created,
            started=self.started,
            ended=_ended(state),
        )


class TaskRunRow(NamedTuple):
    """A row of the table task_run."""

    type: int
    state: str | None
    message: str | None
    changed: int
    run: bytes | str
    id: bytes | str
    task: str | None
    name: str | None
    scope: str | None
    input: str | None
    ordinal: int | None
    tags: str | None
    parent: bytes | str | None
    upstream: bytes | str | None
    epoch: int | None
    cache_key: str | None
    attempt: int | None
    created: int | None
    started: int | None
    last: int

    def record(self) -> TaskRun:
        """Return the run's record, without what only its last event tells."""
        state = state_in(self.type, self.state, self.message, self.changed)
        return TaskRun(
            id=id_in_memory(self.id),
            name=self.name or "",
            task_name=self.task or "",
            flow_run_id=id_in_memory(self.run),
            scope=self.scope or "",
            input_hash=self.input or "",
            ordinal=self.ordinal or 0,
            tags=_texts(self.tags),
            parent_id=_id(self.parent),
            upstream=shown_ids(self.upstream),
            epoch=self.epoch or 1,
            state=state,
            run_count=self.attempt or 0,
            created=self.created,
            started=self.started,
            ended=_ended(state),
            cache_key=self.cache_key,
        )


def state_in(type_code: int, name: str | None, message: str | None, changed: int) -> State[Any]:
    """Return the state that a row holds."""
    kind = _TYPES[type_code]
    return State(kind, name or DEFAULT_NAMES[kind], message or "", changed)


def complete(run: FlowRun | TaskRun, last: Event | None) -> None:
    """Add to a record what only its run's last event tells: result, reference, error; nothing if that is deleted."""
    payload = {} if last is None else last.payload
    run.result = result_in(payload)
    run.ref = payload.get("ref")
    run.error = payload.get("error")


def result_in(payload: dict[str, Any]) -> msgspec.Raw | None:
    """Return the canonical JSON of the result in an event's payload."""
    return msgspec.Raw(msgspec.json.encode(payload["result"])) if "result" in payload else None


def _ended(state: State[Any]) -> int | None:
    return state.occurred if state.type in FINAL_TYPES else None


def _id(stored: bytes | str | None) -> str:
    return id_in_memory(stored) if stored else ""


def _texts(stored: str | None) -> tuple[str, ...]:
    return tuple(msgspec.json.decode(stored, type=list[str])) if stored else ()
