"""Wire types of artifacts."""

from typing import Any

import msgspec

from segue.api.types import instant_text
from segue.records.artifacts import Artifact, ArtifactType

__all__ = ("ArtifactBody", "artifact_body")


class ArtifactBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has left to look at.

    `data` is text for Markdown, links (as Markdown) and images (a URL), a list of rows for a table, and a number from 0
    to 100 for progress. `key` is null where it has none.
    """

    id: str
    key: str | None
    type: ArtifactType
    data: Any
    description: str
    flow_run_id: str | None
    task_run_id: str | None
    created: str
    updated: str


def artifact_body(artifact: Artifact) -> ArtifactBody:
    """Return an artifact as the wire has it."""
    return ArtifactBody(
        id=artifact.id,
        key=artifact.key or None,
        type=artifact.type,
        data=artifact.data,
        description=artifact.description,
        flow_run_id=artifact.flow_run_id or None,
        task_run_id=artifact.task_run_id or None,
        created=instant_text(artifact.created),
        updated=instant_text(artifact.updated),
    )
