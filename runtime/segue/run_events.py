"""The vocabulary of events about runs: one maker per kind, and the way back from an event to a state.

    flow-run.<state type>, task-run.<state type>    a run came to this state
    flow-run.cancel-requested                       somebody wants it to stop: "by", "reason"
    flow-run.deleted                                its rows are to go, and those of its task runs
    task-run.deleted                                the same of a task run outside of flows
    log.written                                     a run logged a line

`run` is the flow run's id ("" for a task run outside of flows), `subject` the id of the run it is about. Payload
keys are left out where they would say what is the default; an event that makes a run known (it has "flow" or
"task") keeps the run's name in "name", every other one the state's name.
"""

import traceback
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec
from msgspec import UNSET, UnsetType

from segue.records import FlowRun, TaskRun
from segue.states import DEFAULT_NAMES, State, StateDetails, StateType, instant, microseconds
from segue_events import Event

FLOW_RUN = "flow-run."
TASK_RUN = "task-run."
FLOW_RUN_DELETED = "flow-run.deleted"
TASK_RUN_DELETED = "task-run.deleted"
FLOW_RUN_CANCEL_REQUESTED = "flow-run.cancel-requested"
LOG_WRITTEN = "log.written"

# A text is written up to so many characters, a traceback so many from its end.
MAX_TEXT = 16_384
MAX_TRACEBACK = 16_384

FLOW_RUN_KINDS: dict[StateType, str] = {kind: FLOW_RUN + kind.value.lower() for kind in StateType}
TASK_RUN_KINDS: dict[StateType, str] = {kind: TASK_RUN + kind.value.lower() for kind in StateType}
STATE_TYPES: dict[str, StateType] = {
    name: kind for kinds in (FLOW_RUN_KINDS, TASK_RUN_KINDS) for kind, name in kinds.items()
}

_RUNNING, _COMPLETED = StateType.RUNNING, StateType.COMPLETED
_FLOW_PENDING, _TASK_PENDING = FLOW_RUN_KINDS[StateType.PENDING], TASK_RUN_KINDS[StateType.PENDING]


# --- flow runs ---


# A value as it stands in an event: canonical JSON, or what is that as it is.
Inline = msgspec.Raw | int | bool | None | UnsetType


class Kept(Protocol):
    """Where a completed run's value is kept besides its event, and under which key others may reuse it.

    `ref` is what the store of results needs to find it, `expires` is in µs since the epoch, None for never.
    """

    @property
    def ref(self) -> Any: ...
    @property
    def cache_key(self) -> str | None: ...
    @property
    def expires(self) -> int | None: ...


def flow_run_pending(run: FlowRun, parameters: Any = None) -> Event:
    """Return the event that makes a flow run known.

    `parameters` are what to write instead of the record's own, which need not fit into JSON: a dict, or the bytes
    of a JSON object.
    """
    payload: dict[str, Any] = {"flow": run.flow_name, "name": run.name}
    written: Any = run.parameters if parameters is None else parameters
    if isinstance(written, bytes):
        written = msgspec.Raw(written)
    given = {
        "version": run.flow_version,
        "parameters": written,
        "tags": run.tags,
        "parent": run.parent_id,
        "root": run.root_id or run.id,
        "epoch": run.epoch,
        "pid": run.pid,
        "host": run.host,
        "entrypoint": run.entrypoint,
    }
    payload.update((key, value) for key, value in given.items() if value)
    return Event(kind=_FLOW_PENDING, payload=payload, run=run.id, subject=run.id, occurred=run.created or 0)


def flow_run_state(
    run: FlowRun, state: State[Any], result: Inline = UNSET, kept: Kept | None = None, **extra: Any
) -> Event:
    """Return the event of a flow run's new state.

    `result` is the value as JSON has it, `kept` says where it is instead; `extra` goes into the payload as it is.
    """
    payload = _payload(state)
    if state.type is _RUNNING:
        payload["attempt"] = run.run_count or 1
    if result is not UNSET:
        payload["result"] = result
    if kept is not None and kept.ref is not None:
        payload["ref"] = kept.ref
    if extra:
        payload.update(extra)
    return Event(kind=FLOW_RUN_KINDS[state.type], payload=payload, run=run.id, subject=run.id, occurred=state.occurred)


def flow_run_cancel_requested(run_id: str, by: str, reason: str, occurred: int) -> Event:
    """Return the event by which somebody asks a flow run to stop; `occurred` is in µs since the epoch."""
    payload = {"by": clean(_cut(by)), "reason": clean(_cut(reason))}
    return Event(kind=FLOW_RUN_CANCEL_REQUESTED, payload=payload, run=run_id, subject=run_id, occurred=occurred)


def flow_run_deleted(run_id: str, occurred: int) -> Event:
    """Return the event that takes a flow run out of all tables; `occurred` is in µs since the epoch."""
    return Event(kind=FLOW_RUN_DELETED, run=run_id, subject=run_id, occurred=occurred)


# --- task runs ---


def task_run_pending(run: TaskRun) -> Event:
    """Return the event that makes a task run known."""
    payload: dict[str, Any] = {"task": run.task_name, "name": run.name}
    if run.scope:
        payload["scope"] = run.scope
    if run.input_hash:
        payload["input"] = run.input_hash
    if run.ordinal:
        payload["ordinal"] = run.ordinal
    if run.tags:
        payload["tags"] = run.tags
    if run.parent_id:
        payload["parent"] = run.parent_id
    if run.upstream:
        payload["upstream"] = run.upstream
    if run.epoch != 1:
        payload["epoch"] = run.epoch
    return Event(kind=_TASK_PENDING, payload=payload, run=run.flow_run_id, subject=run.id, occurred=run.created or 0)


def task_run_state(run: TaskRun, state: State[Any], result: Inline = UNSET, kept: Kept | None = None) -> Event:
    """Return the event of a task run's new state.

    `result` is the value as JSON has it, `kept` says where it is instead, and under which key others may use it.
    """
    kind = state.type
    payload = _payload(state)
    if result is not UNSET:
        payload["result"] = result
    if kind is _RUNNING:
        if run.run_count > 1:
            payload["attempt"] = run.run_count
    elif kept is not None:
        if kept.ref is not None:
            payload["ref"] = kept.ref
        if kept.cache_key is not None:
            payload["cache_key"] = kept.cache_key
            if kept.expires is not None:
                payload["expires"] = kept.expires
    return Event(
        kind=TASK_RUN_KINDS[kind], payload=payload, run=run.flow_run_id, subject=run.id, occurred=state.occurred
    )


def task_run_deleted(run_id: str, occurred: int) -> Event:
    """Return the event that takes a task run outside of flows out of all tables; `occurred` as in the others."""
    return Event(kind=TASK_RUN_DELETED, subject=run_id, occurred=occurred)


# --- log lines ---


def log_line(*, run_id: str, subject: str, level: int, logger: str, message: str, occurred: int) -> Event:
    """Return the event of a logged line; `subject` is the run that logged it, `occurred` in µs since the epoch."""
    return Event(
        kind=LOG_WRITTEN,
        payload={"level": level, "logger": logger, "message": message if message.isascii() else clean(message)},
        run=run_id,
        subject=subject,
        occurred=occurred,
    )


# --- and back ---


def state_of(event: Event) -> State[Any]:
    """Return the state that a run came to with this event; without the result, which the payload holds.

    Raises ValueError for an event that is not about a run's state.
    """
    kind = STATE_TYPES.get(event.kind)
    if kind is None:
        raise ValueError(f"An event of kind '{event.kind}' does not tell the state of a run.")
    payload = event.payload
    details = StateDetails(scheduled_time=instant(payload["at"])) if "at" in payload else None
    return State(
        kind, state_name(payload) or DEFAULT_NAMES[kind], payload.get("message", ""), event.occurred, details=details
    )


def reason(payload: dict[str, Any]) -> str:
    """Return why a run came to the state that a payload tells of: its error, or the state's message."""
    told = payload.get("error")
    error = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    if error.get("message"):
        return f"{error.get('type')}: {error['message']}"
    return str(payload.get("message") or error.get("type") or "")


def state_name(payload: dict[str, Any]) -> str | None:
    """Return the state's name that a payload holds, None if it is the default one of its type."""
    return None if makes_known(payload) else payload.get("name")


def makes_known(payload: dict[str, Any]) -> bool:
    """Whether the payload of a state's event is that of a run's first one, which tells what the run is."""
    return "task" in payload or "flow" in payload


# --- what payloads have in common ---


def _payload(state: State[Any]) -> dict[str, Any]:
    """What all events of states say: name, message, when it is due, and what went wrong."""
    payload: dict[str, Any] = {}
    kind = state.type
    if state.name != DEFAULT_NAMES[kind]:
        payload["name"] = state.name
    message = state.message
    if message:
        payload["message"] = message if message.isascii() and len(message) <= MAX_TEXT else clean(_cut(message))
    if state.details is not None and state.details.scheduled_time is not None:
        payload["at"] = microseconds(state.details.scheduled_time)
    if kind is not _COMPLETED and isinstance(state.data, BaseException):
        payload["error"] = error_payload(state.data)
    return payload


def error_payload(error: BaseException) -> dict[str, str]:
    """Return an exception as an event keeps it: type, message, and the traceback's frames outside of segue."""
    try:
        message = str(error)
    except Exception as broken:
        message = f"<its text cannot be had: {type(broken).__name__}>"
    shown = {"type": type(error).__qualname__, "message": clean(_cut(message))}
    frames = traceback.TracebackException.from_exception(error, compact=True)
    _keep_user_frames(frames)
    text = "".join(frames.format())
    shown["traceback"] = clean(text if len(text) <= MAX_TRACEBACK else "…" + text[-MAX_TRACEBACK:])
    return shown


def clean(text: str) -> str:
    """Return the text with lone surrogates, which JSON cannot hold, written as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}… ({len(text)} characters)"


def _keep_user_frames(frames: traceback.TracebackException) -> None:
    """Take our own frames out of a traceback and its causes, unless there are no others."""
    found: list[traceback.TracebackException | None] = [frames]
    while found:
        one = found.pop()
        if one is not None:
            kept = [frame for frame in one.stack if not frame.filename.startswith(_OWN_FOLDER)]
            one.stack = traceback.StackSummary.from_list(kept or list(one.stack))
            found += [one.__cause__, one.__context__, *(one.exceptions or ())]


_OWN_FOLDER = str(Path(__file__).parent)
