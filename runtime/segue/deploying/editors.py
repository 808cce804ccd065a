"""Editors: the JSON schema of a project's files, by which an editor completes and checks them."""

from typing import Any

import msgspec

from segue.deploying.entries import ProjectEntry

__all__ = ("editors_schema",)


def editors_schema() -> dict[str, Any]:
    """Return the JSON schema of `segue.yaml` and `deployment.yaml`, made of the same types that they are read with."""
    schema = msgspec.json.schema(ProjectEntry)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A project of segue", **schema}
