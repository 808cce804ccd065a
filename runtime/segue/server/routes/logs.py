"""Routes of log lines: of one flow run, of all, and as a file."""

from collections.abc import AsyncIterator
from typing import Any, Literal

from starlette.responses import Response, StreamingResponse

from segue.api import types
from segue.records import FlowRun, LogLine
from segue.server.access import Scope
from segue.server.bodies import log_line_body, log_line_text
from segue.server.etags import by_head, by_run
from segue.server.paging import cursors, page_of
from segue.server.queries import Level, Text, level_in
from segue.server.routes.events import PartQuery
from segue.server.routing import Call, Route
from segue.store import Page
from segue.store.events import Part

__all__ = ("ROUTES",)

_LINES_AT_ONCE = 1000


class LogsQuery(PartQuery, frozen=True, kw_only=True):
    """Which lines: from which level on, and with a text in them; of all, the newest first."""

    level: Level = "0"
    search: Text = ""
    order: Literal["asc", "desc"] = "desc"


class LogsOfRunQuery(LogsQuery, frozen=True, kw_only=True):
    """Which lines of a flow run: of one task run only, "none" for its own; `download` for all of them as a file."""

    task_run: Text | None = None
    download: bool = False
    order: Literal["asc", "desc"] = "asc"


async def logs(call: Call[LogsQuery, Any]) -> types.Page[types.LogLineBody]:
    """List the log lines of all runs."""
    query = call.query
    with cursors():
        page = await call.wiring.store.logs.newest(query.part(), level=level_in(query.level), search=query.search)
    return page_of(page, log_line_body)


async def logs_of_run(call: Call[LogsOfRunQuery, Any]) -> types.Page[types.LogLineBody] | Response:
    """List the log lines of a flow run and its task runs, or stream them all as text."""
    run = await call.wiring.store.runs.flow_run(call.path("flow_run"))
    if call.query.download or "text/plain" in call.request.headers.get("accept", ""):
        headers = {"Content-Disposition": f'attachment; filename="flow-run-{run.id[:36]}.log"'}
        safe = headers if run.id.isascii() and run.id.replace("-", "").isalnum() else {}
        return StreamingResponse(_lines(call, run), 200, safe, "text/plain; charset=utf-8")
    with cursors():
        page = await _page(call, run, call.query.part())
    return page_of(page, log_line_body)


async def _page(call: Call[LogsOfRunQuery, Any], run: FlowRun, part: Part) -> Page[LogLine]:
    query, store = call.query, call.wiring.store
    task_run_id = query.task_run
    if task_run_id == "none":
        task_run_id = ""
    elif task_run_id is not None:
        task_run_id = (await store.runs.task_run(task_run_id, by_name=False)).id
    return await store.logs.page(
        run.id, part, task_run_id=task_run_id, level=level_in(query.level), search=query.search
    )


async def _lines(call: Call[LogsOfRunQuery, Any], run: FlowRun) -> AsyncIterator[str]:
    """The whole log, some lines at a time: nothing grows with its length."""
    part = Part(limit=_LINES_AT_ONCE)
    # A line of the flow run's own has no task run.
    names: dict[str, str] = {"": run.name}
    while True:
        page = await _page(call, run, part)
        unknown = {line.task_run_id for line in page.items} - names.keys()
        if unknown:
            names.update(await call.wiring.store.runs.task_run_names(run.id, unknown))
        yield "".join(log_line_text(line, names.get(line.task_run_id, line.task_run_id)) for line in page.items)
        if page.next is None:
            return
        part = part._replace(cursor=page.next)


READ = Scope.READ
LIST = types.Page[types.LogLineBody]
OF_RUN = "/api/flow-runs/{flow_run}/logs"

ROUTES = (
    Route("GET", "/api/logs", READ, logs, "Log lines", LIST, LogsQuery, tag=by_head),
    Route("GET", OF_RUN, READ, logs_of_run, "Its log lines", LIST, LogsOfRunQuery, tag=by_run, media=("text/plain",)),
)
