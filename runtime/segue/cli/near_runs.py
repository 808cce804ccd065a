"""NearRuns: the runs of the journal on this machine."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import msgspec

from segue.artifact_events import artifact_deleted
from segue.cli.session import Records
from segue.cli.tail import tail
from segue.records import FlowRun, LogLine, TaskRun
from segue.records.artifacts import Artifact
from segue.store import FlowRunFilter, Page, TaskRunFilter
from segue.store.artifacts import ArtifactFilter
from segue_events import Bus, Clock, Cursor, Event, Filter, SystemClock

if TYPE_CHECKING:
    from segue.work.local import LocalWork

__all__ = ("NearRuns",)


class NearRuns:
    """Runs that are read from a journal; see Runs."""

    is_far = False

    def __init__(self, records: Records, clock: Clock | None = None) -> None:
        self._journal, self._store = records
        self._clock = clock or SystemClock()
        self._bus = Bus(self._journal, self._clock)

    async def flow_runs(self, wanted: FlowRunFilter, limit: int, cursor: str | None = None) -> Page[FlowRun]:
        """See Runs."""
        return await self._store.runs.flow_runs(wanted, limit=limit, cursor=cursor)

    async def flow_run(self, wanted: str) -> FlowRun:
        """See Runs."""
        return await self._store.runs.flow_run(wanted)

    async def task_counts(self, run: FlowRun) -> dict[str, int]:
        """See Runs."""
        counts = await self._store.runs.counts([run.id])
        return {state.value: count for state, count in counts[run.id].items()}

    async def task_runs(self, wanted: TaskRunFilter, limit: int, cursor: str | None = None) -> Page[TaskRun]:
        """See Runs."""
        return await self._store.runs.all_task_runs(wanted, newest=False, limit=limit, cursor=cursor)

    async def task_run(self, wanted: str) -> TaskRun:
        """See Runs."""
        return await self._store.runs.task_run(wanted)

    async def states(self, run: FlowRun | TaskRun) -> list[Event]:
        """See Runs."""
        return await self._store.runs.states(run)

    async def lines(self, run: FlowRun, after: int, level: int, limit: int) -> list[LogLine]:
        """See Runs."""
        return await self._store.logs.lines(run.id, after=after, level=level, limit=limit)

    async def why_waiting(self, run: FlowRun) -> str:
        """See Runs."""
        return "" if run.state.is_final() else await self._work().why_waiting(run.id)

    async def artifacts(self, wanted: ArtifactFilter, limit: int, cursor: str | None = None) -> Page[Artifact]:
        """See Runs."""
        return await self._store.artifacts.page(wanted, limit=limit, before=None if cursor is None else int(cursor))

    async def artifact(self, wanted: str) -> Artifact:
        """See Runs."""
        return await self._store.artifacts.artifact(wanted)

    async def delete_artifact(self, artifact: Artifact) -> None:
        """See Runs."""
        await self._journal.append([artifact_deleted(artifact, self._clock.now_us())])

    async def place(self, text: str) -> Cursor:
        """See Runs."""
        head = await self._journal.head()
        if not text:
            return head
        if text == "start":
            return msgspec.structs.replace(head, seq=0)
        cursor = Cursor.parse(text)
        await self._journal.check_cursor(cursor)
        return cursor

    async def beginning(self, run: FlowRun) -> Cursor:
        """See Runs."""
        first = await self._store.runs.events(run.id, limit=1)
        return msgspec.structs.replace(await self._journal.head(), seq=first[0].seq - 1 if first else 0)

    async def events(self, wanted: Filter, after: Cursor) -> AsyncGenerator[list[Event]]:
        """See Runs."""
        async with aclosing(tail(self._journal, wanted, after.seq, self._clock)) as batches:
            async for batch in batches:
                yield batch

    async def cancel(self, run: FlowRun, reason: str) -> None:
        """See Runs."""
        async with self._bus:
            await self._work().cancel_run(run.id, "the command line", reason)

    async def delete(self, run: FlowRun) -> None:
        """See Runs."""
        await self._store.delete(run.id, self._clock.now_us())

    def _work(self) -> "LocalWork":
        # It takes as long to import as all that is read here without it.
        from segue.work.local import LocalWork  # noqa: PLC0415

        return LocalWork(self._journal, self._bus, self._clock)
