"""The table of routes: from it come the app, the OpenAPI document, and the test that each route is guarded.

Each module has a table of its own; a new one is added to the list here.
"""

from segue.server.routes import (
    admin,
    alerts,
    artifacts,
    deployments,
    documents,
    events,
    flow_run,
    flow_runs,
    flows,
    keys,
    limits,
    login,
    logs,
    requests,
    stream,
    task_runs,
    work_pools,
    workers,
)
from segue.server.routing import Route

__all__ = ("TABLE",)

TABLE: tuple[Route, ...] = (
    *documents.ROUTES,
    *flow_runs.ROUTES,
    *flow_run.ROUTES,
    *requests.ROUTES,
    *task_runs.ROUTES,
    *flows.ROUTES,
    *events.ROUTES,
    *logs.ROUTES,
    *artifacts.ROUTES,
    *stream.ROUTES,
    *deployments.ROUTES,
    *work_pools.ROUTES,
    *workers.ROUTES,
    *limits.ROUTES,
    *login.ROUTES,
    *keys.ROUTES,
    *alerts.ROUTES,
    *admin.ROUTES,
)
