"""Artifact: what a run leaves for people to look at."""

from typing import Any, Literal

import msgspec

ArtifactType = Literal["markdown", "table", "link", "image", "progress"]


class Artifact(msgspec.Struct, frozen=True, kw_only=True):
    """Something to look at, and the run that left it ("" outside of runs); those of one `key` are its history.

    `data` is text for Markdown, links and images (a URL), a list of rows for a table, and percents for progress.
    `created` and `updated` are in µs since the epoch; `seq` is where in the journal it is told last.
    """

    id: str
    type: ArtifactType
    data: Any
    key: str = ""
    description: str = ""
    flow_run_id: str = ""
    task_run_id: str = ""
    created: int = 0
    updated: int = 0
    seq: int = 0
