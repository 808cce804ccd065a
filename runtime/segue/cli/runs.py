"""Runs: what the command asks of runs and their events, wherever they are recorded: here, or at a server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

from segue.cli.near_runs import NearRuns
from segue.cli.session import configured, opened
from segue.records import FlowRun, LogLine, TaskRun
from segue.records.artifacts import Artifact
from segue.store import FlowRunFilter, Page, TaskRunFilter
from segue.store.artifacts import ArtifactFilter
from segue_events import Cursor, Event, Filter

__all__ = ("Runs", "open_runs")


class Runs(Protocol):
    """What is recorded of runs. A run is given by its id, the beginning of it, or its name, where not said otherwise.

    UnknownRun and AmbiguousRun say which runs there are instead; a server says it in a RequestRefused.
    """

    is_far: bool
    """Whether the runs are recorded by a server, and so may have their processes on any machine."""

    async def flow_runs(self, wanted: FlowRunFilter, limit: int, cursor: str | None = None) -> Page[FlowRun]:
        """Return up to `limit` flow runs, the latest first, without results; `cursor` is the `next` of a page."""
        ...

    async def flow_run(self, wanted: str) -> FlowRun:
        """Return a flow run, with its result or error."""
        ...

    async def task_counts(self, run: FlowRun) -> dict[str, int]:
        """Return how many task runs of a flow run are in each type of state."""
        ...

    async def task_runs(self, wanted: TaskRunFilter, limit: int, cursor: str | None = None) -> Page[TaskRun]:
        """Return up to `limit` task runs, the first ones first; there may be fewer, and a next page all the same."""
        ...

    async def task_run(self, wanted: str) -> TaskRun:
        """Return a task run, with its result or error."""
        ...

    async def states(self, run: FlowRun | TaskRun) -> list[Event]:
        """Return the events by which a run came to its states, in order."""
        ...

    async def lines(self, run: FlowRun, after: int, level: int, limit: int) -> list[LogLine]:
        """Return up to `limit` lines of a flow run and its task runs behind the seq `after`, of this level or more."""
        ...

    async def why_waiting(self, run: FlowRun) -> str:
        """Say in a sentence why a run has not begun; "" for one that is not waiting."""
        ...

    async def artifacts(self, wanted: ArtifactFilter, limit: int, cursor: str | None = None) -> Page[Artifact]:
        """Return up to `limit` artifacts, the latest first; `cursor` is the `next` of a page."""
        ...

    async def artifact(self, wanted: str) -> Artifact:
        """Return the artifact of an id, or the latest of a key."""
        ...

    async def delete_artifact(self, artifact: Artifact) -> None:
        """Delete an artifact."""
        ...

    async def place(self, text: str) -> Cursor:
        """Return the place that a cursor's text stands for, or "start"; "" is the present end of the journal."""
        ...

    async def beginning(self, run: FlowRun) -> Cursor:
        """Return the place before a flow run's first event."""
        ...

    def events(self, wanted: Filter, after: Cursor) -> AsyncGenerator[list[Event]]:
        """Yield events behind a place in batches, for ever; an empty batch whenever there are no more yet."""
        ...

    async def cancel(self, run: FlowRun, reason: str) -> None:
        """Ask a run that has not ended to stop; one that is waiting in line is cancelled at once."""
        ...

    async def delete(self, run: FlowRun) -> None:
        """Delete a flow run, with its task runs and log lines."""
        ...


@asynccontextmanager
async def open_runs(*, to_change: bool = False) -> AsyncGenerator[Runs]:
    """Open what is recorded: at the server that SEGUE_API_URL names, else in the journal.

    Raises NothingRecorded where there is no journal yet. Only with `to_change` may something be cancelled or deleted.
    """
    with configured() as settings:
        if settings.api_url:
            # A client of HTTP takes as long to import as all the rest of a command; the journal needs none.
            from segue.cli.far_runs import far_runs  # noqa: PLC0415

            async with far_runs(settings.api_url, settings.api_key) as far:
                yield far
            return
        async with opened(settings, read_only=not to_change) as records:
            yield NearRuns(records)
