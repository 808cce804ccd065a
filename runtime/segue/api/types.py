"""Wire types: the shapes of all that goes over HTTP, for the server, its clients and the OpenAPI document.

Instants are RFC 3339 texts in UTC with microseconds, ids are texts; what is not there is null.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec

from segue.states import StateType

__all__ = (
    "API_VERSION",
    "Bucket",
    "BulkAction",
    "BulkAnswer",
    "BulkOutcome",
    "CancelRequest",
    "Counts",
    "ErrorBody",
    "EventBatch",
    "EventBody",
    "FlowBody",
    "FlowRunBody",
    "FlowRunItem",
    "Graph",
    "GraphEdge",
    "GraphNode",
    "Head",
    "Health",
    "History",
    "Instant",
    "LogLineBody",
    "Page",
    "ProblemBody",
    "RequestTaken",
    "SettingBody",
    "StateBody",
    "StateChange",
    "Statistics",
    "Stretch",
    "TaskRunBody",
    "TaskRunItem",
    "VersionBody",
    "WrongField",
    "instant_text",
    "microseconds_in",
)

API_VERSION = 1

T = TypeVar("T")

Instant = Annotated[
    str, msgspec.Meta(extra_json_schema={"format": "date-time"}, examples=["2026-11-24T13:00:00.123456Z"])
]
"""An instant as RFC 3339 writes it, in UTC, with microseconds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def instant_text(microseconds: int) -> Instant:
    """Return the text of an instant, given in µs since the epoch; of years beyond 1 to 9999 the nearest there is."""
    second, fraction = divmod(microseconds, 1_000_000)
    return f"{_second_text(second)}.{fraction:06}Z"


@lru_cache(maxsize=8192)
def _second_text(second: int) -> str:
    # Most of the time that a list takes would go into this: what is listed happened in the same few seconds.
    try:
        instant = _EPOCH + timedelta(seconds=second)
    except OverflowError:
        instant = _LATEST if second > 0 else _EARLIEST
    return instant.isoformat()[:19]


def microseconds_in(text: str) -> int:
    """Return the µs since the epoch of an RFC 3339 instant with any offset; ValueError for any other text."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"'{text[:80]}' is no instant; write it as 2026-11-24T13:00:00Z, with an offset or Z.")
    return (instant - _EPOCH) // _MICROSECOND


# --- what every answer may be ---


class WrongField(msgspec.Struct, frozen=True):
    """What is wrong with one field: `path` is where it stands (query.limit, body.events[3].kind)."""

    path: str
    message: str


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What went wrong, as RFC 9457 has it: what kind of thing, its HTTP status, and a sentence about this case."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[WrongField, ...] = ()


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of the items of a list, and the cursor that brings the next ones: null at the end.

    A page may hold fewer items than were asked for, even none, and still have a next one: a search stops after it
    has looked at so many.
    """

    items: list[T]
    next: str | None = None


class Counts(msgspec.Struct, frozen=True):
    """How many there are of each type of state, and in all."""

    counts: dict[str, int]
    total: int


# --- runs ---


class StateBody(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a run, and since when."""

    type: StateType
    name: str
    message: str
    timestamp: Instant


class StateChange(msgspec.Struct, frozen=True, kw_only=True):
    """A state that a run came to, at which place in the journal, and why; `due` is for when it is scheduled."""

    seq: int
    type: StateType
    name: str
    message: str
    reason: str
    timestamp: Instant
    due: Instant | None = None


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """What ended a run: the type of the exception, its message, and its traceback as text."""

    type: str = ""
    message: str = ""
    traceback: str = ""


class _RunItem(msgspec.Struct, frozen=True, kw_only=True):
    """What lists tell of any run. `duration` is in seconds, null before the end; `run_count` counts attempts."""

    id: str
    name: str
    tags: tuple[str, ...]
    parent_id: str | None
    epoch: int
    state: StateBody
    run_count: int
    created: Instant | None
    started: Instant | None
    ended: Instant | None
    duration: float | None


class FlowRunItem(_RunItem, frozen=True, kw_only=True):
    """A flow run in a list; `task_counts` is how many of its task runs are in each type of state.

    `deployment_id` is the deployment it is a run of, null for one that was called.
    """

    flow_name: str
    flow_version: str
    root_id: str | None
    task_counts: dict[str, int]
    deployment_id: str | None = None


class FlowRunBody(FlowRunItem, frozen=True, kw_only=True):
    """A flow run with all that is known of it; `waiting_for` says why it has not begun, if it waits to be begun.

    `result` is canonical JSON, `stored_result` says where it is kept instead; both are null where it was not kept,
    and `has_result` tells that from a result that is null.
    """

    parameters: dict[str, Any]
    pid: int | None
    entrypoint: str
    has_result: bool
    result: Any
    stored_result: dict[str, Any] | None
    error: ErrorBody | None
    waiting_for: str | None = None


class TaskRunItem(_RunItem, frozen=True, kw_only=True):
    """A task run in a list; `flow_run_id` is null outside of flows, `upstream` are the runs it was given results of."""

    task_name: str
    flow_run_id: str | None
    upstream: tuple[str, ...]
    step_key: str
    cache_key: str | None


class TaskRunBody(TaskRunItem, frozen=True, kw_only=True):
    """A task run with all that is known of it; for its result see FlowRunBody."""

    has_result: bool
    result: Any
    stored_result: dict[str, Any] | None
    error: ErrorBody | None


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """The runs created from `start`, which is included, to `end`, which is not, by the type of their present state."""

    start: Instant
    end: Instant
    counts: dict[str, int]


class History(msgspec.Struct, frozen=True):
    """Counts over time, in buckets of equal length that follow one another."""

    buckets: list[Bucket]


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A time that a run spent in one state; `end` is null for the state it is in."""

    type: StateType
    name: str
    start: Instant
    end: Instant | None


class GraphNode(msgspec.Struct, frozen=True, kw_only=True):
    """A task run or a flow run within a flow run; `kind` is "task-run" or "flow-run", `label` what it is a run of.

    `stretches` are the states of a run that was tried more than once or has waited; of others it is empty, since
    `created`, `started` and `ended` tell all of it.
    """

    id: str
    kind: str
    name: str
    label: str
    parent_id: str | None
    state: StateBody
    run_count: int
    created: Instant | None
    started: Instant | None
    ended: Instant | None
    stretches: list[Stretch] = []


class GraphEdge(msgspec.Struct, frozen=True, kw_only=True):
    """One run after another: "upstream" where the result was given, "parent" where it was called in it."""

    source: str
    target: str
    kind: str


class Graph(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a flow run; `next` is the cursor of the nodes that did not find room in this answer."""

    nodes: list[GraphNode]
    edges: list[GraphEdge]
    next: str | None = None


class FlowBody(msgspec.Struct, frozen=True, kw_only=True):
    """A flow by its runs: how many there are in each type of state, a day on average, and the last one."""

    name: str
    counts: dict[str, int]
    total: int
    runs_per_day: float
    last_run: FlowRunItem | None


# --- requests ---


class CancelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask a run to stop; the reason is kept with its state."""

    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class RequestTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is in the journal now; the run obeys it when it hears of it."""

    run_id: str
    event_id: str
    seq: int


class BulkAction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Do the same with up to 500 flow runs; `action` is "cancel", "delete" or "retry"."""

    action: Literal["cancel", "delete", "retry"]
    ids: Annotated[list[str], msgspec.Meta(min_length=1, max_length=500)]
    reason: Annotated[str, msgspec.Meta(max_length=2000)] = ""


class BulkOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it for one run: an HTTP status, and a sentence where it could not be done."""

    id: str
    status: int
    detail: str = ""


class BulkAnswer(msgspec.Struct, frozen=True):
    """What came of it for each run, in the order of the request."""

    outcomes: list[BulkOutcome]


# --- events and logs ---


class EventBody(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the journal; `cursor` is the place after it, from where a stream can go on."""

    seq: int
    cursor: str
    id: str
    kind: str
    run: str
    subject: str
    occurred: Instant
    payload: dict[str, Any]


class EventBatch(msgspec.Struct, frozen=True):
    """Events in the order of the journal, and the cursor after the last one of them."""

    events: list[EventBody]
    cursor: str


class Head(msgspec.Struct, frozen=True):
    """The seq of the journal's last event."""

    head: int


class LogLineBody(msgspec.Struct, frozen=True, kw_only=True):
    """A line that a run has logged or printed; `task_run_id` is null for the flow run's own."""

    seq: int
    occurred: Instant
    level: int
    level_name: str
    logger: str
    message: str
    flow_run_id: str | None
    task_run_id: str | None


# --- the server itself ---


class VersionBody(msgspec.Struct, frozen=True):
    """The version of segue that answers, and the number of the API it speaks."""

    version: str
    api: int


class Health(msgspec.Struct, frozen=True):
    """Whether the server lives, or can do its work."""

    status: str


class SettingBody(msgspec.Struct, frozen=True, kw_only=True):
    """A setting as it is in effect: its value as text, null where there is none; a secret's value is never told."""

    name: str
    variable: str
    value: str | None
    source: str
    help: str
    secret: bool


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the server: of the journal, of the bus, and of its memory in bytes."""

    journal: dict[str, int]
    bus: dict[str, int]
    memory_bytes: int
    started: Instant
