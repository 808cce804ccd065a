"""Work: deployments, their schedules, pools, queues and workers, limits, and what waits to be run.

Instants are in microseconds since the epoch, spans in seconds. A document (a deployment, a pool, a limit) is replaced
as a whole when it is saved.
"""

from typing import Annotated, Any, Literal

import msgspec

DEFAULT_QUEUE = "default"

Whole = Annotated[int, msgspec.Meta(ge=-(2**53) + 1, le=2**53 - 1)]
"""A whole number that tables, datetimes (years 1684 to 2255) and browsers take."""

Catchup = Literal["skip", "latest", "all"]
"""What becomes of instants that passed while nothing could be scheduled: none, the last, or all of them is run."""

Overlap = Literal["allow", "skip", "queue", "cancel-running"]
"""What becomes of a scheduled run while the one before has not ended."""

Collision = Literal["enqueue", "cancel-new"]
"""What becomes of a run whose deployment has as many as it may: it waits, or is cancelled."""


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a deployment runs by itself: exactly one of `interval` (seconds), `cron` and `rrule`.

    Intervals are counted from `anchor`. Times of day are those of `timezone` (an IANA name). `parameters` go before
    the deployment's own. With `catchup` "all", at most `catchup_limit` runs are made up for. A run that cannot begin
    within `max_lateness` is not begun. `jitter` delays each run by up to so much. `id` is unique in its deployment.
    """

    id: str
    interval: float | None = None
    anchor: Whole | None = None
    cron: str | None = None
    day_or: bool = True
    rrule: str | None = None
    timezone: str = "UTC"
    active: bool = True
    parameters: dict[str, Any] = {}
    catchup: Catchup = "latest"
    catchup_limit: Whole = 100
    overlap: Overlap = "allow"
    max_lateness: float | None = None
    jitter: float = 0.0


class Deployment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A flow that can be run elsewhere: where its code is, where it runs, and with what.

    `entrypoint` is as `load_flow` takes it, seen from `path`, or from where `pull_steps` end. Without a `pool` it is
    run by the process that serves it. `parameter_schema` is the JSON schema of its parameters, checked unless
    `enforce_parameter_schema` is off. `concurrency_limit` bounds its runs at a time; with `concurrency_key`, a template
    over the parameters such as "{customer}", the runs of each key. `job_variables` override the pool's. While it is
    `paused`, its schedules rest: what they had made waits, and what somebody asks for is begun.
    """

    id: str
    name: str
    flow_name: str
    entrypoint: str
    path: str = ""
    pull_steps: tuple[dict[str, Any], ...] = ()
    pool: str = ""
    queue: str = DEFAULT_QUEUE
    parameters: dict[str, Any] = {}
    parameter_schema: dict[str, Any] = {}
    enforce_parameter_schema: bool = True
    tags: tuple[str, ...] = ()
    description: str = ""
    version: str = ""
    job_variables: dict[str, Any] = {}
    paused: bool = False
    priority: Whole = 0
    concurrency_limit: Whole | None = None
    collision: Collision = "enqueue"
    concurrency_key: str = ""
    schedules: tuple[Schedule, ...] = ()
    created: Whole = 0
    updated: Whole = 0

    @property
    def full_name(self) -> str:
        """The name people call it by: flow and deployment."""
        return f"{self.flow_name}/{self.name}"


class RunRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for when a deployment is to run, at `due` or at once.

    `parameters` go before the deployment's own, and must fit its schema. Whoever asks with the same `key` means the
    same run. `parent_id` is the run that asks.
    """

    deployment_id: str
    parameters: dict[str, Any] = {}
    due: Whole | None = None
    name: str = ""
    tags: tuple[str, ...] = ()
    key: str = ""
    schedule_id: str = ""
    parent_id: str = ""
    priority: Whole | None = None
    job_variables: dict[str, Any] = {}


class WorkQueue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line in a pool; the lowest `priority` is served first. At most `limit` of its runs go at a time."""

    name: str = DEFAULT_QUEUE
    priority: Whole = 1
    limit: Whole | None = None
    paused: bool = False
    description: str = ""


class WorkPool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where runs wait for workers of one type; `job_variables` are what its runs are started with by default."""

    name: str
    type: str = "process"
    description: str = ""
    paused: bool = False
    limit: Whole | None = None
    job_variables: dict[str, Any] = {}
    queues: tuple[WorkQueue, ...] = (WorkQueue(),)
    created: Whole = 0
    updated: Whole = 0


class WorkerInfo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A process that takes runs from a pool. It is lost once it was not `seen` for LEASE_SECONDS."""

    id: str
    name: str
    pool: str
    type: str = "process"
    queues: tuple[str, ...] = ()
    host: str = ""
    pid: Whole = 0
    limit: Whole | None = None
    version: str = ""
    started: Whole = 0
    seen: Whole = 0
    ended: Whole | None = None


class WorkItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a run that is to be started by a worker, or was.

    `due` is when it may begin. `worker_id` holds it since `claimed`, for the `epoch`th time somebody does; "" while it
    waits. `key` is the deployment's concurrency key for its parameters.
    """

    run_id: str
    deployment_id: str
    schedule_id: str = ""
    pool: str = ""
    queue: str = DEFAULT_QUEUE
    due: Whole = 0
    priority: Whole = 0
    key: str = ""
    worker_id: str = ""
    epoch: Whole = 0
    claimed: Whole | None = None
    done: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run that a worker was given, with all that it takes to start it; `job_variables` are the pool's and its own.

    `attempts` is how many the run has had, if it is run again. `parent_id` and `root_id` are those of its record, ""
    where it has none.
    """

    run_id: str
    run_name: str
    flow_name: str
    parameters: dict[str, Any]
    tags: tuple[str, ...]
    epoch: Whole
    due: Whole
    deployment: Deployment
    job_variables: dict[str, Any] = {}
    attempts: Whole = 0
    parent_id: str = ""
    root_id: str = ""


class Limit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """So many slots under a name. With `refill` they come back by time alone, so many a second: a rate limit.

    A `tag` limit bounds the task runs and flow runs that have this tag.
    """

    name: str
    slots: Whole
    tag: bool = False
    refill: float | None = None
    active: bool = True
    created: Whole = 0
    updated: Whole = 0


class Lease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Slots that somebody holds until `until`, unless it is renewed or released; `holder` is a run's id."""

    id: str
    limits: tuple[str, ...]
    slots: Whole
    holder: str
    until: Whole
    taken: Whole = 0


LEASE_SECONDS = 30.0
"""How long what is held lasts without a sign of life; whoever holds gives one three times as often."""
