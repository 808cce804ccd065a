"""The table of routes: from it come the app, the OpenAPI document, and the test that each route is guarded.

Each module has a table of its own; a new one is added to the list here.
"""

from segue.server.routes import admin, documents, flow_runs, keys, login, stream
from segue.server.routing import Route

__all__ = ("TABLE",)

TABLE: tuple[Route, ...] = (
    *documents.ROUTES,
    *flow_runs.ROUTES,
    *stream.ROUTES,
    *login.ROUTES,
    *keys.ROUTES,
    *admin.ROUTES,
)
