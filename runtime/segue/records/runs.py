"""FlowRun and TaskRun: what is known of one run; CacheEntry: a result that other runs may reuse."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from segue.states import FINAL_TYPES, State, StateType, instant

_PENDING, _RUNNING = StateType.PENDING, StateType.RUNNING


def _pending() -> State[Any]:
    return State(_PENDING, "Pending")


class Run(msgspec.Struct, kw_only=True, eq=False):
    """What is known of any run.

    `parent_id` is the run it was called in, "" at the top. `epoch` counts the processes that have run it, `run_count`
    its attempts. `created`, `started` and `ended` are in microseconds since the epoch, None while it has not come to
    that. `error` tells type, message and traceback of what ended the run; `ref` where its result is kept, or `result`
    its canonical JSON.
    """

    id: str
    name: str
    tags: tuple[str, ...] = ()
    parent_id: str = ""
    epoch: int = 1
    state: State[Any] = msgspec.field(default_factory=_pending)
    run_count: int = 0
    created: int | None = None
    started: int | None = None
    ended: int | None = None
    result: msgspec.Raw | None = None
    ref: dict[str, Any] | None = None
    error: dict[str, str] | None = None

    def enter(self, state: State[Any]) -> None:
        """Make `state` the run's state; count and time its attempts by it."""
        self.state = state
        if state.type is _RUNNING:
            self.run_count += 1
            if self.started is None:
                self.started = state.occurred
        self.ended = state.occurred if state.type in FINAL_TYPES else None

    @property
    def state_type(self) -> StateType:
        """The type of the state the run is in."""
        return self.state.type

    @property
    def state_name(self) -> str:
        """The name of the state the run is in."""
        return self.state.name

    @property
    def start_time(self) -> datetime | None:
        """When the run's function was first called."""
        return _instant(self.started)

    @property
    def end_time(self) -> datetime | None:
        """When the run ended."""
        return _instant(self.ended)

    @property
    def total_run_time(self) -> timedelta:
        """How long the run has taken, zero while it has not ended."""
        return _between(self.started, self.ended)


class FlowRun(Run, kw_only=True, eq=False):
    """A flow run; `parent_id` is the flow run or task run it was called in.

    `root_id` is the flow run at the top, the run itself if it is that. `parameters` are as given within the run, and
    in their JSON form when read from the journal. `host` is the name of the machine it was begun on, which
    its event tells and no table keeps.
    """

    flow_name: str
    flow_version: str = ""
    parameters: dict[str, Any] = {}
    root_id: str = ""
    pid: int = 0
    host: str = ""
    entrypoint: str = ""

    @property
    def parent_task_run_id(self) -> str:
        """The run it was called in, by the name that flows moved from elsewhere use."""
        return self.parent_id


class TaskRun(Run, kw_only=True, eq=False):
    """A task run; `parent_id` is the task run it was called in.

    `flow_run_id` is "" outside of flows. `scope`, `input_hash` and `ordinal` tell which step of its flow run it is
    (see `step_key`). `upstream` are the task runs whose results it was given.
    """

    task_name: str
    flow_run_id: str = ""
    scope: str = ""
    input_hash: str = ""
    ordinal: int = 0
    upstream: tuple[str, ...] = ()
    cache_key: str | None = None

    @property
    def step_key(self) -> str:
        """What stays when the flow run is run again: place of the call, task, inputs, and the how-manieth such call."""
        return f"{self.scope}/{self.task_name}#{self.input_hash}#{self.ordinal}"


class CacheEntry(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A result that lies under a cache key: as canonical JSON in `result`, or where `ref` says.

    `expires` is in microseconds since the epoch, None for never.
    """

    key: str
    task_run_id: str
    flow_run_id: str = ""
    result: msgspec.Raw | None = None
    ref: dict[str, Any] | None = None
    expires: int | None = None


def _instant(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


def _between(started: int | None, ended: int | None) -> timedelta:
    if started is None or ended is None:
        return timedelta()
    return timedelta(microseconds=ended - started)
