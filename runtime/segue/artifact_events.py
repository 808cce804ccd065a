"""The vocabulary of events about artifacts.

    artifact.created, artifact.updated    what there is to see, all of it: "type", "data", "key", "description", "task"
    artifact.deleted                      it is to be shown no more

`run` is the flow run's id, `subject` the artifact's.
"""

from typing import Any

from segue.records.artifacts import Artifact
from segue_events import Event

__all__ = (
    "ARTIFACT_CREATED",
    "ARTIFACT_DELETED",
    "ARTIFACT_UPDATED",
    "artifact_deleted",
    "artifact_of",
    "artifact_told",
)

ARTIFACT_CREATED, ARTIFACT_UPDATED = "artifact.created", "artifact.updated"
ARTIFACT_DELETED = "artifact.deleted"


def artifact_told(artifact: Artifact, *, again: bool = False) -> Event:
    """Return the event that makes an artifact known, or tells it `again` as it is by now."""
    payload: dict[str, Any] = {"type": artifact.type, "data": artifact.data}
    given = {"key": artifact.key, "description": artifact.description, "task": artifact.task_run_id}
    payload.update((name, value) for name, value in given.items() if value)
    kind = ARTIFACT_UPDATED if again else ARTIFACT_CREATED
    return Event(kind=kind, payload=payload, run=artifact.flow_run_id, subject=artifact.id, occurred=artifact.updated)


def artifact_deleted(artifact: Artifact, occurred: int) -> Event:
    """Return the event that takes an artifact out of the tables; `occurred` is in µs since the epoch."""
    return Event(kind=ARTIFACT_DELETED, run=artifact.flow_run_id, subject=artifact.id, occurred=occurred)


def artifact_of(event: Event, created: int) -> Artifact:
    """Return the artifact that an event tells of; `created` is in µs since the epoch."""
    payload = event.payload
    return Artifact(
        id=event.subject,
        type=payload.get("type", "markdown"),
        data=payload.get("data"),
        key=payload.get("key", ""),
        description=payload.get("description", ""),
        flow_run_id=event.run,
        task_run_id=payload.get("task", ""),
        created=created,
        updated=event.occurred,
        seq=event.seq,
    )
