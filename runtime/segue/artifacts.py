"""Artifacts: what flows and tasks leave for people to look at: Markdown, tables, links, images, progress.

    from segue.artifacts import create_markdown_artifact

    create_markdown_artifact(key="rmse-report", markdown="# RMSE …")

Those of one key are a history, of which the page shows the latest. Each function may be awaited or not, and has a twin
whose name begins with `a`.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Generator, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import msgspec

from segue.artifact_events import artifact_told
from segue.context import TaskRunContext, current_run, flow_context_of
from segue.engine.world import world_of
from segue.exceptions import InvalidNameError
from segue.records.artifacts import Artifact, ArtifactType
from segue_events import new_id

__all__ = (
    "ArtifactId",
    "acreate_image_artifact",
    "acreate_link_artifact",
    "acreate_markdown_artifact",
    "acreate_progress_artifact",
    "acreate_table_artifact",
    "aupdate_progress_artifact",
    "create_image_artifact",
    "create_link_artifact",
    "create_markdown_artifact",
    "create_progress_artifact",
    "create_table_artifact",
    "update_progress_artifact",
)

Rows = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]] | Sequence[Sequence[Any]]

_KEY = re.compile(r"[a-z0-9-]+")


class ArtifactId(UUID):
    """The id of an artifact; awaiting it gives itself, since code from elsewhere may await what creates artifacts."""

    def __await__(self) -> Generator[Any, None, ArtifactId]:
        """Return itself at once."""
        return self
        yield


def create_markdown_artifact(markdown: str, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Leave a text in Markdown; positional arguments may also come as key, markdown.

    Raises InvalidNameError for a key of anything but small letters, digits and dashes.
    """
    if key is not None and not _KEY.fullmatch(key) and _KEY.fullmatch(markdown):
        markdown, key = key, markdown
    return _create("markdown", markdown, key, description)


def create_table_artifact(table: Rows, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Leave a table: columns by name, or rows as mappings or lists; what is no number (NaN) is shown empty.

    Raises TypeError for values of which there is no JSON, ValueError for columns of several lengths.
    """
    return _create("table", _rows(table), key, description)


def create_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Leave a link, shown by its text if it has one."""
    shown = (link_text or link).translate(str.maketrans({"[": r"\[", "]": r"\]"}))
    return _create("link", f"[{shown}](<{link}>)", key, description)


def create_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Leave an image that lies at a URL; the page shows those within it (`data:`), and a link to all others."""
    return _create("image", image_url, key, description)


def create_progress_artifact(progress: float, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Leave how far something is, from 0 to 100; `update_progress_artifact` moves it on."""
    return _create("progress", _percents(progress), key, description)


def update_progress_artifact(artifact_id: UUID, progress: float, description: str | None = None) -> ArtifactId:
    """Say how far it is by now, from 0 to 100; to be called in the run that has left it."""
    return _tell("progress", _percents(progress), None, description, artifact_id)


async def acreate_markdown_artifact(
    markdown: str, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Do what `create_markdown_artifact` does."""
    return create_markdown_artifact(markdown, key, description)


async def acreate_table_artifact(table: Rows, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Do what `create_table_artifact` does."""
    return create_table_artifact(table, key, description)


async def acreate_link_artifact(
    link: str, link_text: str | None = None, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Do what `create_link_artifact` does."""
    return create_link_artifact(link, link_text, key, description)


async def acreate_image_artifact(image_url: str, key: str | None = None, description: str | None = None) -> ArtifactId:
    """Do what `create_image_artifact` does."""
    return create_image_artifact(image_url, key, description)


async def acreate_progress_artifact(
    progress: float, key: str | None = None, description: str | None = None
) -> ArtifactId:
    """Do what `create_progress_artifact` does."""
    return create_progress_artifact(progress, key, description)


async def aupdate_progress_artifact(artifact_id: UUID, progress: float, description: str | None = None) -> ArtifactId:
    """Do what `update_progress_artifact` does."""
    return update_progress_artifact(artifact_id, progress, description)


def _create(kind: ArtifactType, data: Any, key: str | None, description: str | None) -> ArtifactId:
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidNameError(
            f"An artifact cannot have the key {key[:100]!r}: keys are of small letters, digits and dashes, "
            "such as 'rmse-report'."
        )
    return _tell(kind, data, key, description)


def _tell(
    kind: ArtifactType, data: Any, key: str | None, description: str | None, known: UUID | None = None
) -> ArtifactId:
    context = current_run.get()
    flow = flow_context_of(context)
    backend = world_of(context).backend
    now = backend.clock.now_us()
    artifact = Artifact(
        id=new_id() if known is None else str(known),
        type=kind,
        data=data,
        key=key or "",
        description=description or "",
        flow_run_id="" if flow is None else flow.run.id,
        task_run_id=context.run.id if isinstance(context, TaskRunContext) else "",
        created=now,
        updated=now,
    )
    backend.publish(artifact_told(artifact, again=known is not None))
    if context is None:
        warnings.warn("An artifact was created outside of a run, and belongs to none.", FutureWarning, stacklevel=4)
        backend.flush().result()
    return ArtifactId(artifact.id)


def _percents(progress: float) -> float:
    return min(100.0, max(0.0, float(progress)))


def _rows(table: Rows) -> list[Any]:
    if isinstance(table, Mapping):
        rows: list[Any] = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    else:
        rows = list(table)
    try:
        plain = msgspec.to_builtins(rows, str_keys=True, enc_hook=_plain)
    except (TypeError, ValueError) as error:
        raise TypeError(f"The table cannot be written as JSON: {error}") from None
    return _without_nan(plain)


def _plain(value: Any) -> Any:
    """What a value of a library's own type is in plain Python, as numpy's numbers tell; else its text."""
    item = getattr(value, "item", None)
    return item() if callable(item) else str(value)


def _without_nan(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_without_nan(one) for one in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in cast("dict[str, Any]", value).items()}
    return value
