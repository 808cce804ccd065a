"""ArtifactProjection: the table of artifacts, folded from the events; what they show stays in the event at `last`."""

from collections.abc import Sequence
from typing import Any

import msgspec

from segue.artifact_events import ARTIFACT_CREATED, ARTIFACT_DELETED, ARTIFACT_UPDATED
from segue.records.artifacts import ArtifactType
from segue.run_events import FLOW_RUN_DELETED
from segue_events import Event
from segue_events.ids import id_at_rest
from segue_events.journal import Write

__all__ = ("ArtifactProjection",)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS artifact (
    id PRIMARY KEY, key TEXT NOT NULL, type TEXT NOT NULL, run, created INTEGER NOT NULL,
    first INTEGER NOT NULL, last INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS artifact_first ON artifact (first, key, type);
CREATE INDEX IF NOT EXISTS artifact_key ON artifact (key, first);
CREATE INDEX IF NOT EXISTS artifact_run ON artifact (run, first);
"""

_UPSERT = (
    "INSERT INTO artifact (id, key, type, run, created, first, last) VALUES ",
    "(?, ?, ?, ?, ?, ?, ?)",
    " ON CONFLICT (id) DO UPDATE SET last = excluded.last WHERE excluded.last > artifact.last",
)
_KINDS = frozenset({ARTIFACT_CREATED, ARTIFACT_UPDATED, ARTIFACT_DELETED, FLOW_RUN_DELETED})


class _Payload(msgspec.Struct):
    """A payload as it has to be: an event that is not so is left out of the table."""

    type: ArtifactType
    data: Any
    key: str = ""
    description: str = ""
    task: str = ""


class ArtifactProjection:
    """Folds events about artifacts into a table; pure."""

    name = "artifacts"
    version = 1
    schema = _SCHEMA
    tables = ("artifact",)

    def writes(self, events: Sequence[Event]) -> list[Write]:
        """Return what these events, in the order of the journal, change in the table."""
        return [write for event in events if event.kind in _KINDS for write in _writes(event)]


def _writes(event: Event) -> list[Write]:
    if event.kind == FLOW_RUN_DELETED:
        return [_deletion("run", event.run)]
    if event.kind == ARTIFACT_DELETED:
        return [_deletion("id", event.subject)]
    try:
        payload = msgspec.convert(event.payload, _Payload)
    except msgspec.ValidationError:
        return []
    ids = id_at_rest(event.subject), id_at_rest(event.run)
    row = (ids[0], payload.key, payload.type, ids[1], event.occurred, event.seq, event.seq)
    return [Write(*_UPSERT, [row])]


def _deletion(column: str, value: str) -> Write:
    return Write(f"DELETE FROM artifact WHERE {column} IN (VALUES ", "(?)", ")", [(id_at_rest(value),)])
