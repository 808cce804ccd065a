"""Store: what the command line, the engine and the server read of a journal."""

from segue.records import CacheEntry
from segue.run_events import flow_run_deleted
from segue.store.artifacts import Artifacts
from segue.store.events import Events
from segue.store.logs import Logs
from segue.store.rows import result_in
from segue.store.runs import Runs
from segue.store.source import Source, event_at
from segue_events.ids import id_at_rest, id_in_memory


class Store:
    """Reads runs, log lines and cached results from an open journal that RunProjection is a projection of."""

    def __init__(self, journal: Source) -> None:
        self._source = journal
        self.runs = Runs(journal)
        self.logs = Logs(journal)
        self.events = Events(journal)
        self.artifacts = Artifacts(journal)

    async def cache(self, key: str, now: int) -> CacheEntry | None:
        """Return the result under a cache key, None if there is none that is valid at `now` (µs since the epoch)."""
        rows = await self._source.query(
            "SELECT task_run, run, seq, expires FROM cache_entry WHERE key = ? AND (expires IS NULL OR expires > ?)",
            (key, now),
        )
        if not rows:
            return None
        task_run, run, seq, expires = rows[0]
        event = await event_at(self._source, seq)
        if event is None:
            return None
        return CacheEntry(
            key=key,
            task_run_id=id_in_memory(task_run),
            flow_run_id=id_in_memory(run),
            result=result_in(event.payload),
            ref=event.payload.get("ref"),
            expires=expires,
        )

    async def mark(self, flow_run_id: str | None = None) -> str:
        """Return a text that changes with each event of the journal, or of this flow run (whole id) only."""
        newest, params = "SELECT max(seq) FROM event", ()
        if flow_run_id is not None:
            newest += " WHERE run = (SELECT number FROM event_run WHERE id = ?)"
            params = (id_at_rest(flow_run_id),)
        rows = await self._source.query(f"SELECT id, epoch, floor, ({newest}) FROM journal", params)
        return ":".join(str(value or 0) for value in rows[0])

    async def delete(self, flow_run_id: str, now: int) -> None:
        """Take a flow run (whole id) with its task runs, log lines and cached results out of the tables.

        Its events stay in the journal until retention deletes them. `now` is in µs since the epoch.
        """
        await self._source.append([flow_run_deleted(flow_run_id, now)])
