"""Asks: each thing that a server can be asked for, as a value: where, with what, and what the answer is made into."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from segue.api import types
from segue.api.artifacts import ArtifactBody
from segue.api.engine import CacheEntryBody, EventIn, EventsIn

__all__ = (
    "ArtifactQuery",
    "Ask",
    "EventQuery",
    "FlowRunQuery",
    "LogQuery",
    "TaskRunQuery",
    "one",
)

T = TypeVar("T")
Items = Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[T]):
    """A request below the API's URL; `answer` is the type its JSON is made into, None for no answer."""

    method: str
    path: str
    answer: Any
    query: dict[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None


class _Paged(TypedDict, total=False):
    """Which page of a list: how many items, after which cursor."""

    limit: int
    cursor: str | None


class _RunQuery(_Paged, total=False):
    type: Items
    state: Items
    tag: Items
    name: Items
    search: str
    since: str
    until: str
    sort: str


class FlowRunQuery(_RunQuery, total=False):
    """Which flow runs: those that fit every field, and any one value of it.

    `since` and `until` are RFC 3339, `deployment` are whole ids.
    """

    flow: Items
    deployment: Items
    parent: str


class TaskRunQuery(_RunQuery, total=False):
    """Which task runs: those that fit every field, and any one value of it; `flow_run` is a whole id."""

    task: Items
    flow_run: str


class EventQuery(_Paged, total=False):
    """Which events; `order` is "asc" or "desc", `after` a seq or a cursor, `kinds` may hold `*`."""

    kinds: Items
    run: Items
    subject: Items
    since: str
    until: str
    after: str
    order: str


class LogQuery(_Paged, total=False):
    """Which log lines: from this level on, with this text, of this task run only, after this seq."""

    level: str
    search: str
    task_run: str
    after: str
    order: str


class ArtifactQuery(_Paged, total=False):
    """Which artifacts: those that fit every field; `latest` is the last of each key, `flow_run` a whole id."""

    key: str
    type: Items
    flow_run: str
    search: str
    latest: bool


def _read(path: str, answer: Any, query: Any = None) -> Ask[Any]:
    return Ask(method="GET", path=path, answer=answer, query=dict(query or {}))


def one(text: str) -> str:
    """A part of a path, whatever is in it."""
    return quote(text, safe="")


# --- the server itself ---


def version() -> Ask[types.VersionBody]:
    """Which versions answer."""
    return _read("/version", types.VersionBody)


def ready() -> Ask[types.Health]:
    """Whether the server can do its work."""
    return _read("/ready", types.Health)


# --- runs ---


def flow_runs(query: FlowRunQuery) -> Ask[types.Page[types.FlowRunItem]]:
    """Flow runs."""
    return _read("/flow-runs", types.Page[types.FlowRunItem], query)


def count_flow_runs(query: FlowRunQuery) -> Ask[types.Counts]:
    """How many flow runs."""
    return _read("/flow-runs/count", types.Counts, query)


def flow_run(wanted: str) -> Ask[types.FlowRunBody]:
    """A flow run."""
    return _read(f"/flow-runs/{one(wanted)}", types.FlowRunBody)


def states(flow_run: str) -> Ask[types.Page[types.StateChange]]:
    """The states a flow run came to."""
    return _read(f"/flow-runs/{one(flow_run)}/states", types.Page[types.StateChange])


def logs(flow_run: str, query: LogQuery) -> Ask[types.Page[types.LogLineBody]]:
    """The log lines of a flow run and its task runs."""
    return _read(f"/flow-runs/{one(flow_run)}/logs", types.Page[types.LogLineBody], query)


def graph(flow_run: str) -> Ask[types.Graph]:
    """What was called in a flow run."""
    return _read(f"/flow-runs/{one(flow_run)}/graph", types.Graph)


def task_runs(query: TaskRunQuery) -> Ask[types.Page[types.TaskRunItem]]:
    """Task runs."""
    return _read("/task-runs", types.Page[types.TaskRunItem], query)


def task_run(wanted: str) -> Ask[types.TaskRunBody]:
    """A task run."""
    return _read(f"/task-runs/{one(wanted)}", types.TaskRunBody)


def flows(**query: Unpack[_Paged]) -> Ask[types.Page[types.FlowBody]]:
    """Flows by their runs."""
    return _read("/flows", types.Page[types.FlowBody], query)


def cancel(flow_run: str, reason: str) -> Ask[types.RequestTaken]:
    """Ask a flow run to stop."""
    path = f"/flow-runs/{one(flow_run)}/cancel"
    return Ask(method="POST", path=path, answer=types.RequestTaken, body=types.CancelRequest(reason))


def delete(flow_run: str) -> Ask[None]:
    """Delete a flow run."""
    return Ask(method="DELETE", path=f"/flow-runs/{one(flow_run)}", answer=None)


# --- artifacts ---


def artifacts(query: ArtifactQuery) -> Ask[types.Page[ArtifactBody]]:
    """Artifacts."""
    return _read("/artifacts", types.Page[ArtifactBody], query)


def artifact(wanted: str) -> Ask[ArtifactBody]:
    """An artifact, by its id, or the latest of a key."""
    return _read(f"/artifacts/{one(wanted)}", ArtifactBody)


def delete_artifact(artifact: str) -> Ask[None]:
    """Delete an artifact."""
    return Ask(method="DELETE", path=f"/artifacts/{one(artifact)}", answer=None)


# --- events ---


def events(query: EventQuery) -> Ask[types.Page[types.EventBody]]:
    """Events of the journal."""
    return _read("/events", types.Page[types.EventBody], query)


def poll(after: str, wait: float, kinds: Items = (), runs: Items = (), subjects: Items = ()) -> Ask[types.EventBatch]:
    """The events after a cursor, as soon as there are any."""
    query = {"after": after, "wait": wait, "kinds": kinds, "run": runs, "subject": subjects}
    return _read("/events/stream", types.EventBatch, query)


def publish(events: Sequence[EventIn]) -> Ask[types.Head]:
    """Commit events."""
    return Ask(method="POST", path="/events/in", answer=types.Head, body=EventsIn(list(events)))


def cached(key: str) -> Ask[CacheEntryBody]:
    """The result under a cache key."""
    return _read("/cache-entry", CacheEntryBody, {"key": key})
