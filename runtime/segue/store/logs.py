"""Logs: reads the lines that runs have logged."""

from segue.records import LogLine
from segue.run_events import LOG_WRITTEN
from segue.store.filters import Conditions
from segue.store.source import Source, events_at
from segue_events import Event, Filter
from segue_events.ids import id_at_rest


class Logs:
    """Reads log lines by way of the index of them."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def lines(
        self, flow_run_id: str, *, task_run_id: str | None = None, after: int = 0, level: int = 0, limit: int = 1000
    ) -> list[LogLine]:
        """Return up to `limit` lines of a flow run and its task runs, in order.

        Whole ids; "" for task runs outside of flows, `task_run_id` for those of one task run only. `after` is the
        seq of the last line one has, `level` the least that counts. Lines deleted by retention are left out.
        """
        where = Conditions()
        where.add("run = ? AND seq > ?", id_at_rest(flow_run_id), after)
        if level > 0:
            where.add("level >= ?", level)
        if task_run_id is not None:
            where.add("subject = ?", id_at_rest(task_run_id))
        rows = await self._source.query(
            f"SELECT seq FROM log_index {where.sql} ORDER BY seq LIMIT ?", (*where.params, limit)
        )
        of_run = Filter(kinds=(LOG_WRITTEN,), runs=(flow_run_id,))
        return [_line(event) for event in await events_at(self._source, [row[0] for row in rows], of_run)]


def _line(event: Event) -> LogLine:
    payload = event.payload
    return LogLine(
        seq=event.seq,
        occurred=event.occurred,
        level=payload.get("level", 0),
        logger=payload.get("logger", ""),
        message=payload.get("message", ""),
        flow_run_id=event.run,
        task_run_id="" if event.subject == event.run else event.subject,
    )
