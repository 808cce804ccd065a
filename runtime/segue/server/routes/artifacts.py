"""Routes of artifacts: what runs have left to look at."""

from typing import Any

import msgspec

from segue.api import types
from segue.api.artifacts import ArtifactBody, artifact_body
from segue.artifact_events import artifact_deleted
from segue.records.artifacts import ArtifactType
from segue.server.access import Scope
from segue.server.etags import by_head
from segue.server.paging import page_of
from segue.server.queries import Limit, Seq, Text
from segue.server.routing import Call, Route
from segue.store.artifacts import ArtifactFilter

__all__ = ("ROUTES",)


class ArtifactsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifacts: of a key, of types, of a flow run, with a text in the key; `latest` is the last of each key."""

    key: Text = ""
    type: tuple[ArtifactType, ...] = ()
    flow_run: Text = ""
    search: Text = ""
    latest: bool = False
    limit: Limit = 50
    cursor: Seq | None = None


async def artifacts(call: Call[ArtifactsQuery, Any]) -> types.Page[ArtifactBody]:
    """List artifacts, the latest first."""
    query, store = call.query, call.wiring.store
    run = (await store.runs.flow_run(query.flow_run)).id if query.flow_run else ""
    wanted = ArtifactFilter(query.key, query.type, run, query.search, query.latest)
    before = None if query.cursor is None else int(query.cursor)
    return page_of(await store.artifacts.page(wanted, limit=query.limit, before=before), artifact_body)


async def artifact(call: Call[Any, Any]) -> ArtifactBody:
    """Return one, by its id, or the latest of a key."""
    return artifact_body(await call.wiring.store.artifacts.artifact(call.path("artifact")))


async def delete(call: Call[Any, Any]) -> None:
    """Show it no more."""
    found = await call.wiring.store.artifacts.artifact(call.path("artifact"))
    call.wiring.bus.publish(artifact_deleted(found, call.wiring.clock.now_us()))
    await call.wiring.bus.flushed()


READ, ADMIN = Scope.READ, Scope.ADMIN
ONE = "/api/artifacts/{artifact}"

ROUTES = (
    Route("GET", "/api/artifacts", READ, artifacts, "Artifacts", types.Page[ArtifactBody], ArtifactsQuery, tag=by_head),
    Route("GET", ONE, READ, artifact, "An artifact, by id or key", ArtifactBody, tag=by_head),
    Route("DELETE", ONE, ADMIN, delete, "Delete it", status=204),
)
