"""Logs: reads the lines that runs have logged."""

from typing import Any

from segue.records import LogLine
from segue.run_events import LOG_WRITTEN
from segue.store.cursors import number_in
from segue.store.events import Events, Part
from segue.store.filters import Conditions, Page
from segue.store.source import Source, events_at
from segue_events import Event, Filter
from segue_events.ids import id_at_rest

__all__ = ("Logs",)

# So many lines are looked through for a text, for one page.
WINDOW = 20_000

_MESSAGE = "json_extract(event.payload, '$.message')"
_LEVEL = "json_extract(event.payload, '$.level')"


class Logs:
    """Reads log lines by way of the index of them."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._events = Events(source)

    async def lines(
        self, flow_run_id: str, *, task_run_id: str | None = None, after: int = 0, level: int = 0, limit: int = 1000
    ) -> list[LogLine]:
        """Return up to `limit` lines of a flow run and its task runs, in order.

        Whole ids; "" for task runs outside of flows, `task_run_id` for those of one task run only. `after` is the
        seq of the last line one has, `level` the least that counts. Lines deleted by retention are left out.
        """
        where = _of_run(flow_run_id, task_run_id, level)
        where.add("seq > ?", after)
        return await self._at(flow_run_id, where, "ASC", limit)

    async def page(
        self, flow_run_id: str, part: Part, *, task_run_id: str | None = None, level: int = 0, search: str = ""
    ) -> Page[LogLine]:
        """Return a page of the lines of a flow run and its task runs; `search` is a text that a line holds.

        `task_run_id` "" is for what the flow run itself logged. NotACursor for a cursor that is none.
        """
        where = _of_run(flow_run_id, task_run_id, level)
        where.add("seq > ?", part.after)
        later, up_to, direction = ("<", ">=", "DESC") if part.newest else (">", "<=", "ASC")
        if part.cursor is not None:
            where.add(f"seq {later} ?", number_in(part.cursor))
        last: int | None = None
        if search:
            end = f"SELECT seq FROM log_index {where.sql} ORDER BY seq {direction} LIMIT 1 OFFSET {WINDOW - 1}"
            for (last,) in await self._source.query(end, where.params):
                where.add(f"seq {up_to} ?", last)
            found = Conditions("event.seq = log_index.seq")
            found.search(search, _MESSAGE)
            where.add(f"EXISTS (SELECT 1 FROM event {found.sql})", *found.params)
        lines = await self._at(flow_run_id, where, direction, part.limit + 1)
        if len(lines) > part.limit:
            return Page(lines[:-1], str(lines[-2].seq))
        return Page(lines, None if last is None else str(last))

    async def newest(self, part: Part, *, level: int = 0, search: str = "") -> Page[LogLine]:
        """Return a page of the lines of all runs; NotACursor for a cursor that is none."""
        where = Conditions()
        if level > 0:
            where.add(f"{_LEVEL} >= ?", level)
        where.search(search, _MESSAGE)
        page = await self._events.page(Filter(kinds=(LOG_WRITTEN,)), part, where.condition, where.params)
        return Page([_line(event) for event in page.items], page.next)

    async def _at(self, flow_run_id: str, where: Conditions, direction: str, limit: int) -> list[LogLine]:
        rows = await self._source.query(
            f"SELECT seq FROM log_index {where.sql} ORDER BY seq {direction} LIMIT ?", (*where.params, limit)
        )
        of_run = Filter(kinds=(LOG_WRITTEN,), runs=(flow_run_id,))
        events = await events_at(self._source, sorted(row[0] for row in rows), of_run)
        if direction == "DESC":
            events.reverse()
        return [_line(event) for event in events]


def _of_run(flow_run_id: str, task_run_id: str | None, level: int) -> Conditions:
    # The index still knows of lines that retention has deleted.
    where = Conditions("seq > (SELECT floor FROM journal)")
    where.add("run = ?", id_at_rest(flow_run_id))
    if level > 0:
        where.add("level >= ?", level)
    if task_run_id == "":
        where.add("subject IS NULL")
    elif task_run_id is not None:
        where.add("subject = ?", id_at_rest(task_run_id))
    return where


def _line(event: Event) -> LogLine:
    payload = event.payload
    level: Any = payload.get("level", 0)
    return LogLine(
        seq=event.seq,
        occurred=event.occurred,
        # Anybody may have sent it.
        level=level if isinstance(level, int) else 0,
        logger=str(payload.get("logger", "")),
        message=str(payload.get("message", "")),
        flow_run_id=event.run,
        task_run_id="" if event.subject == event.run else event.subject,
    )
