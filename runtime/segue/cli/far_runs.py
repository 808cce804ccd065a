"""FarRuns: the runs that a server has recorded, asked for over HTTP."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from segue.api import types
from segue.api.artifacts import ArtifactBody
from segue.client import AsyncClient, RequestRefused, asks
from segue.client.records import artifact_in, event_in, flow_run_in, log_line_in, task_run_in
from segue.records import FlowRun, LogLine, TaskRun
from segue.records.artifacts import Artifact
from segue.states import StateType
from segue.store import FlowRunFilter, Page, TaskRunFilter
from segue.store.artifacts import ArtifactFilter
from segue_events import Cursor, Event, Filter

__all__ = ("FarRuns", "far_runs")

T = TypeVar("T")

# What the server gives at a time at most.
_PAGE = 200
_MANY = 1000
# How long the server may wait for an event before it answers that there is none, in seconds.
_WAIT = 25.0


@asynccontextmanager
async def far_runs(url: str, key: str | None) -> AsyncGenerator["FarRuns"]:
    """Open the runs of the server whose API is at this URL."""
    async with AsyncClient(url, key, attempts=2) as client:
        yield FarRuns(client)


class FarRuns:
    """Runs that a server is asked for; see Runs."""

    is_far = True

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def flow_runs(self, wanted: FlowRunFilter, limit: int, cursor: str | None = None) -> Page[FlowRun]:
        """See Runs."""

        async def some(limit: int, cursor: str | None) -> types.Page[types.FlowRunItem]:
            return await self._client.flow_runs(
                flow=wanted.flows,
                type=wanted.types,
                state=wanted.states,
                deployment=wanted.deployments,
                limit=limit,
                cursor=cursor,
            )

        page = await _gathered(some, limit, cursor)
        return Page([flow_run_in(item) for item in page.items], page.next)

    async def flow_run(self, wanted: str) -> FlowRun:
        """See Runs."""
        return flow_run_in(await self._client.flow_run(wanted))

    async def task_counts(self, run: FlowRun) -> dict[str, int]:
        """See Runs."""
        return (await self._client.flow_run(run.id)).task_counts

    async def task_runs(self, wanted: TaskRunFilter, limit: int, cursor: str | None = None) -> Page[TaskRun]:
        """See Runs."""
        query: asks.TaskRunQuery = {
            "task": wanted.tasks,
            "type": wanted.types,
            "state": wanted.states,
            "sort": "created",
        }
        if wanted.flow_run is not None:
            query["flow_run"] = wanted.flow_run or "none"

        async def some(limit: int, cursor: str | None) -> types.Page[types.TaskRunItem]:
            return await self._client.ask(asks.task_runs({**query, "limit": limit, "cursor": cursor}))

        page = await _gathered(some, limit, cursor)
        return Page([task_run_in(item) for item in page.items], page.next)

    async def task_run(self, wanted: str) -> TaskRun:
        """See Runs."""
        try:
            return task_run_in(await self._client.task_run(wanted))
        except RequestRefused as refused:
            if refused.status != 404:
                raise
            # The server itself looks for ids only, as to look for a name is to look through all task runs.
            named = await self._client.task_runs(name=[wanted], limit=2)
            if len(named.items) != 1:
                raise
            return task_run_in(await self._client.task_run(named.items[0].id))

    async def states(self, run: FlowRun | TaskRun) -> list[Event]:
        """See Runs."""
        noun, flow_run_id = ("task-run", run.flow_run_id) if isinstance(run, TaskRun) else ("flow-run", run.id)
        kinds = [f"{noun}.{kind.lower()}" for kind in StateType]
        page = await self._client.events(run=[flow_run_id], subject=[run.id], kinds=kinds, limit=_MANY)
        return [event_in(item) for item in page.items]

    async def lines(self, run: FlowRun, after: int, level: int, limit: int) -> list[LogLine]:
        """See Runs."""
        page = await self._client.logs(run.id, after=str(after), level=str(level), limit=min(limit, _MANY))
        return [log_line_in(item) for item in page.items]

    async def why_waiting(self, run: FlowRun) -> str:
        """See Runs."""
        return (await self._client.flow_run(run.id)).waiting_for or ""

    async def artifacts(self, wanted: ArtifactFilter, limit: int, cursor: str | None = None) -> Page[Artifact]:
        """See Runs."""
        query: asks.ArtifactQuery = {"latest": wanted.latest, "type": wanted.types}
        if wanted.key:
            query["key"] = wanted.key
        if wanted.flow_run:
            query["flow_run"] = wanted.flow_run

        async def some(limit: int, cursor: str | None) -> types.Page[ArtifactBody]:
            return await self._client.ask(asks.artifacts({**query, "limit": limit, "cursor": cursor}))

        page = await _gathered(some, limit, cursor)
        return Page([artifact_in(item) for item in page.items], page.next)

    async def artifact(self, wanted: str) -> Artifact:
        """See Runs."""
        return artifact_in(await self._client.ask(asks.artifact(wanted)))

    async def delete_artifact(self, artifact: Artifact) -> None:
        """See Runs."""
        await self._client.ask(asks.delete_artifact(artifact.id))

    async def place(self, text: str) -> Cursor:
        """See Runs."""
        if text == "start":
            oldest = await self._client.events(limit=1)
            return await self._before(oldest.items)
        if text:
            return Cursor.parse(text)
        return Cursor.parse((await self._client.ask(asks.poll("now", 0))).cursor)

    async def beginning(self, run: FlowRun) -> Cursor:
        """See Runs."""
        first = await self._client.events(run=[run.id], limit=1)
        return await self._before(first.items)

    async def events(self, wanted: Filter, after: Cursor) -> AsyncGenerator[list[Event]]:
        """See Runs."""
        place, wait = str(after), 0.0
        while True:
            batch = await self._client.ask(asks.poll(place, wait, wanted.kinds, wanted.runs, wanted.subjects))
            yield [event_in(item) for item in batch.events]
            # After the last of what there is already, whoever reads learns that it was the last.
            place, wait = batch.cursor, 0.0 if batch.events else _WAIT

    async def cancel(self, run: FlowRun, reason: str) -> None:
        """See Runs."""
        await self._client.cancel(run.id, reason)

    async def delete(self, run: FlowRun) -> None:
        """See Runs."""
        await self._client.delete(run.id)

    async def _before(self, events: list[types.EventBody]) -> Cursor:
        """Return the place before the first of these events, the present end where there are none."""
        if not events:
            return await self.place("")
        return msgspec.structs.replace(Cursor.parse(events[0].cursor), seq=events[0].seq - 1)


async def _gathered(
    some: Callable[[int, str | None], Awaitable[types.Page[T]]], limit: int, cursor: str | None
) -> types.Page[T]:
    """Return a page of up to `limit` items, made of as many of the server's as it takes."""
    items: list[Any] = []
    while True:
        page = await some(min(limit - len(items), _PAGE), cursor)
        items += page.items
        cursor = page.next
        if cursor is None or len(items) >= limit:
            return types.Page(items, cursor)
