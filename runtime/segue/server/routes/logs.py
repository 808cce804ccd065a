"""Routes of log lines: of one flow run, of all, and as a file."""

from collections.abc import AsyncIterator
from typing import Any, Literal, NamedTuple

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
from segue.store import Page, Store
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
    log = _Log(call.wiring.store, run, await _task_run_id(call), call.query)
    if call.query.download or "text/plain" in call.request.headers.get("accept", ""):
        headers = {"Content-Disposition": f'attachment; filename="flow-run-{run.id}.log"'}
        is_safe = run.id.isascii() and run.id.replace("-", "").isalnum()
        return StreamingResponse(log.text(), 200, headers if is_safe else {}, "text/plain; charset=utf-8")
    with cursors():
        return page_of(await log.page(call.query.part()), log_line_body)


async def _task_run_id(call: Call[LogsOfRunQuery, Any]) -> str | None:
    wanted = call.query.task_run
    if wanted is None or wanted == "none":
        return None if wanted is None else ""
    return (await call.wiring.store.runs.task_run(wanted, by_name=False)).id


class _Log(NamedTuple):
    """The lines of a flow run that are wanted."""

    store: Store
    run: FlowRun
    task_run_id: str | None
    query: LogsOfRunQuery

    async def page(self, part: Part) -> Page[LogLine]:
        """Return some of them."""
        level, search = level_in(self.query.level), self.query.search
        return await self.store.logs.page(self.run.id, part, task_run_id=self.task_run_id, level=level, search=search)

    async def text(self) -> AsyncIterator[str]:
        """Yield all of them, some lines at a time: nothing grows with the length of the log."""
        part = Part(limit=_LINES_AT_ONCE)
        names: dict[str, str] = {"": self.run.name}
        while True:
            page = await self.page(part)
            unknown = {line.task_run_id for line in page.items} - names.keys()
            if unknown:
                names.update(await self.store.runs.task_run_names(self.run.id, unknown))
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
