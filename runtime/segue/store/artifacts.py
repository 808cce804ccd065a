"""Artifacts: reads what runs have left for people to look at."""

from typing import Any, NamedTuple

import msgspec

from segue.artifact_events import ARTIFACT_CREATED, ARTIFACT_UPDATED, artifact_of
from segue.exceptions import UnknownArtifact
from segue.records.artifacts import Artifact
from segue.store.filters import Conditions, Page
from segue.store.source import Source, events_at
from segue_events import Event, Filter
from segue_events.ids import id_at_rest

__all__ = ("ArtifactFilter", "Artifacts")

_TOLD = Filter(kinds=(ARTIFACT_CREATED, ARTIFACT_UPDATED))
# There is none of the same key that came later.
_LATEST = "NOT EXISTS (SELECT 1 FROM artifact later WHERE later.key = artifact.key AND later.first > artifact.first)"


class ArtifactFilter(NamedTuple):
    """Which artifacts: those that fit every field. `search` is a text in the key; `latest` leaves out older ones of a
    key, and those without one."""

    key: str = ""
    types: tuple[str, ...] = ()
    flow_run: str = ""
    search: str = ""
    latest: bool = False


class Artifacts:
    """Artifacts of a journal."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def page(self, wanted: ArtifactFilter, *, limit: int = 50, before: int | None = None) -> Page[Artifact]:
        """Return up to `limit` artifacts, the latest first; `before` is the `next` of the page before."""
        where = Conditions()
        where.any_of("type", wanted.types)
        if wanted.key:
            where.add("key = ?", wanted.key)
        if wanted.flow_run:
            where.add("run = ?", id_at_rest(wanted.flow_run))
        if wanted.search:
            where.add("instr(key, ?)", wanted.search)
        if wanted.latest:
            where.add(f"key != '' AND {_LATEST}")
        if before is not None:
            where.add("first < ?", before)
        rows = await self._source.query(
            f"SELECT first, last, created, key FROM artifact {where.sql} ORDER BY first DESC LIMIT ?",
            (*where.params, limit + 1),
        )
        return Page(await self._told(rows[:limit]), str(rows[limit - 1][0]) if len(rows) > limit else None)

    async def artifact(self, wanted: str) -> Artifact:
        """Return the artifact of this id, or the latest of this key; raises UnknownArtifact."""
        for condition, value in (("id = ?", id_at_rest(wanted)), ("key = ?", wanted)):
            rows = await self._source.query(
                f"SELECT first, last, created, key FROM artifact WHERE {condition} ORDER BY first DESC LIMIT 1",
                (value,),
            )
            if found := await self._told(rows):
                return found[0]
        raise UnknownArtifact(f"There is no artifact '{wanted}'. `segue artifact ls` lists them.")

    async def _told(self, rows: list[tuple[Any, ...]]) -> list[Artifact]:
        """Read what rows point to; not what retention has deleted."""
        seqs = sorted({seq for first, last, *_ in rows for seq in (first, last)})
        events = {event.seq: event for event in await events_at(self._source, seqs, _TOLD)}
        return [
            _whole(artifact_of(events[last], created), key, events.get(first))
            for first, last, created, key in rows
            if last in events
        ]


def _whole(told: Artifact, key: str, first: Event | None) -> Artifact:
    """Return an artifact with what only the event that created it tells: whoever updates it need not know."""
    begun = {} if first is None else first.payload
    return msgspec.structs.replace(
        told,
        key=key,
        description=told.description or begun.get("description", ""),
        task_run_id=begun.get("task", told.task_run_id),
    )
