"""Entries: what is written in a project's files about it and its deployments, key by key."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from segue.records.work import Catchup, Overlap

__all__ = ("DeploymentEntry", "LimitEntry", "PoolEntry", "ProjectEntry", "ScheduleEntry", "Steps")

Steps = list[dict[str, Any]] | None | UnsetType
"""Steps as they are written. Left out, the project's hold; null or empty, there are none."""


class ScheduleEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One schedule: exactly one of `interval`, `cron` and `rrule`."""

    interval: Annotated[float, Meta(gt=0, description="Seconds from run to run.")] | None = None
    anchor_date: (
        Annotated[str, Meta(description="The instant that intervals are counted from, in ISO 8601.")] | None
    ) = None
    cron: Annotated[str, Meta(description="Minute, hour, day of month, month, day of week.")] | None = None
    day_or: bool = True
    rrule: Annotated[str, Meta(description="A rule of RFC 5545.")] | None = None
    timezone: Annotated[str, Meta(description="An IANA name such as Europe/Berlin.")] | None = None
    active: bool = True
    parameters: dict[str, Any] | None = None
    slug: Annotated[str, Meta(description="What the schedule is called in its deployment.")] | None = None
    catchup: Catchup = "latest"
    catchup_limit: Annotated[int, Meta(ge=1)] = 100
    overlap: Overlap = "allow"
    max_lateness: Annotated[float, Meta(gt=0)] | None = None
    jitter: Annotated[float, Meta(ge=0)] = 0.0


class PoolEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where runs wait for a worker, and what they are started with."""

    name: str | None = None
    work_queue_name: str | None = None
    job_variables: dict[str, Any] | None = None


class LimitEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many runs go at a time, and what becomes of one more."""

    limit: Annotated[int, Meta(ge=1)]
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"


class DeploymentEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One deployment. What is left out or null is as if it had not been said."""

    name: str | None = None
    version: str | int | float | None = None
    tags: list[str] | str | None = None
    description: str | None = None
    schedule: ScheduleEntry | None = None
    schedules: list[ScheduleEntry] | None = None
    flow_name: str | None = None
    entrypoint: Annotated[str, Meta(description="path/to/script.py:flow, or package.module:flow.")] | None = None
    parameters: dict[str, Any] | None = None
    enforce_parameter_schema: bool | None = None
    work_pool: str | PoolEntry | None = None
    paused: bool | None = None
    priority: int | None = None
    concurrency_limit: Annotated[int, Meta(ge=1)] | LimitEntry | None = None
    concurrency_key: Annotated[str, Meta(description="Runs are counted by it: '{customer}'.")] | None = None
    build: Steps = UNSET
    push: Steps = UNSET
    pull: Steps = UNSET

    @property
    def pool(self) -> PoolEntry:
        """The pool, which may be written as its name alone."""
        pool = self.work_pool
        return PoolEntry(name=pool) if isinstance(pool, str) else pool or PoolEntry()


class ProjectEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project's file: its name, its steps, its deployments."""

    name: str | None = None
    segue_version: str | None = msgspec.field(default=None, name="segue-version")
    build: Steps = UNSET
    push: Steps = UNSET
    pull: Steps = UNSET
    deployments: list[DeploymentEntry] | None = None
