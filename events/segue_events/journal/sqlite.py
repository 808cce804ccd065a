"""The durable journal: one SQLite file, written in batches, shared by processes."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from segue_events.clock import Clock, SystemClock
from segue_events.errors import JournalError, JournalUnwritable
from segue_events.event import Event, seal
from segue_events.filter import Filter
from segue_events.journal import Cursor, Projection, checkup, folding, follow, schema, upkeep
from segue_events.journal.commits import Batch, Commits
from segue_events.journal.rows import read_events
from segue_events.journal.upkeep import JournalStatistics
from segue_events.journal.watermark import Watermark
from segue_events.sqlite import Database, connect

__all__ = ("JournalStatistics", "SqliteJournal")

_LOGGER = logging.getLogger("segue_events.journal")

# Seconds of writing between two checkpoints: short ones, so that no commit waits long behind one.
_CHECKPOINT = 0.2
# The high-water mark is written after a commit: a process killed in between leaves events that it does not tell of, so
# every so many looks the database itself is asked.
_THOROUGH_LOOK = 200


class _Place(NamedTuple):
    head: Cursor
    floor: int


class SqliteJournal:
    """Keeps events, and projections of them, in the database `path`; beside it are "<path>.lock" and "<path>.hwm".

    `synchronous` "NORMAL" keeps what was committed when processes are killed; "FULL" also when the power fails.
    `append` belongs to one loop; reading may be done in any.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        projections: Sequence[Projection] = (),
        synchronous: str = "NORMAL",
        read_only: bool = False,
        clock: Clock | None = None,
    ) -> None:
        if synchronous not in ("NORMAL", "FULL"):
            raise ValueError(f"synchronous is 'NORMAL' or 'FULL', not {synchronous!r}.")
        self.path = Path(path)
        self._projections = tuple(projections)
        self._synchronous = synchronous
        self._read_only = read_only
        self._clock = clock or SystemClock()
        self._watermark = Watermark(self.path)
        self._commits = Commits(self.path, self._projections, self._watermark, self._clock)
        self._writer = Database(self.path, self._open_writer, self._close_connection)
        self._reader = Database(self.path, self._open_reader, self._close_connection)
        self._checkpointing: asyncio.Task[None] | None = None
        self._last_checkpoint = 0.0
        # The last event of another process that `changed` has told of.
        self._told = 0
        self._looks = 0

    @property
    def busy(self) -> bool:
        """Whether something asked of the journal is not done yet."""
        return self._writer.busy or self._reader.busy

    # --- its life ---

    async def open(self) -> None:
        """Open the database; make it, if it is to be written and there is none.

        Raises JournalTooNew, JournalCorrupt, JournalUnwritable, JournalFull or JournalLocked when it cannot be used.
        """
        try:
            if not self._read_only:
                await self._writer.open()
            await self._reader.open()
        except BaseException:
            await self.close()
            raise
        self._told = (await self.head()).seq
        self._last_checkpoint = self._clock.monotonic()

    async def close(self) -> None:
        """Finish what was begun and close the database; safe to call twice."""
        if self._checkpointing is not None:
            await asyncio.wait([self._checkpointing])
        try:
            await self._writer.close()
        finally:
            # One after the other: both use the same lock.
            await self._reader.close()
            self._commits.lock.close()
            self._watermark.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _open_writer(self) -> sqlite3.Connection:
        self._commits.lock.open()
        self._watermark.open()
        with self._commits.lock:
            upkeep.make_file(self.path)
            connection = connect(self.path)
            try:
                schema.check(connection, self.path)
                upkeep.configure(connection, self.path, self._synchronous)
                self._commits.begin(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _open_reader(self) -> sqlite3.Connection:
        if self._read_only:
            if not self.path.exists():
                raise JournalError(f"There is no journal {self.path}; name another file, or write to it first.")
            self._commits.lock.open(read_only=True)
            self._watermark.open(read_only=True)
        connection = connect(self.path, read_only=self._read_only)
        try:
            schema.recognize(connection, self.path)
            connection.execute("PRAGMA query_only = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _close_connection(self, connection: sqlite3.Connection) -> None:
        # The last one to close makes a checkpoint.
        with self._commits.lock:
            connection.close()

    # --- writing ---

    async def append(self, events: Sequence[Event], payloads: Sequence[bytes] | None = None) -> int:
        """Commit the events and what projections make of them, all or none, and set the `seq` of each.

        Returns the head's seq. An event whose id is in the journal already is not written again, and gets the seq that
        it has. `payloads` are the encoded payloads, where the caller has them already.
        """
        if self._read_only:
            raise JournalUnwritable(f"The journal {self.path} was opened for reading only; open it for writing.")
        if not events:
            return (await self.head()).seq
        if payloads is None:
            payloads = [seal(event) for event in events]
            for event in events:
                event.occurred = event.occurred or self._clock.now_us()
        batch = Batch(events, payloads)
        head = await self._writer.run(self._commits.append, batch, self._commits.prepare(batch))
        self._checkpoint_when_due()
        return head

    def _checkpoint_when_due(self) -> None:
        now = self._clock.monotonic()
        if now >= self._last_checkpoint + _CHECKPOINT and self._checkpointing is None:
            self._last_checkpoint = now
            # Between batches, and nobody waits for it but the next batch.
            self._checkpointing = asyncio.create_task(self._checkpoint(), name="journal-checkpoint")

    async def _checkpoint(self) -> None:
        try:
            await self._writer.run(self._commits.checkpoint)
        except JournalError as error:
            _LOGGER.warning("A checkpoint failed, and will be tried again. %s", error)
        finally:
            self._checkpointing = None

    # --- reading ---

    async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
        """Return the next events after the seq `after`, at most `limit` of them, in order."""
        return await self._reader.run(read_events, after, filter, limit)

    async def query(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a query, which may read anything in the database and change nothing."""
        return await self._reader.run(_query, sql, params)

    async def head(self) -> Cursor:
        """Return the cursor after the last event."""
        return (await self._reader.run(_place)).head

    async def check_cursor(self, cursor: Cursor) -> None:
        """Raise CursorReset, with the reason, if the events after the cursor cannot be had without a gap."""
        head, floor = await self._reader.run(_place)
        follow(cursor, head, floor)

    async def changed(self) -> bool:
        """Return whether another process committed since this was last asked."""
        mark, own = self._watermark.read(), self._commits.cursor.seq
        others = self._commits.others
        if mark is not None and mark.seq > own:
            others = max(others, mark.seq)
        self._looks += 1
        if self._looks % _THOROUGH_LOOK == 0:
            head = await self.head()
            if head.seq > max(own, self._commits.cursor.seq):
                others = max(others, head.seq)
        changed, self._told = others > self._told, max(others, self._told)
        return changed

    # --- care ---

    async def check(self) -> list[str]:
        """Return what is wrong with the journal, in sentences; nothing if it is sound.

        The file's integrity, numbers without gaps, ids that are unique, and the projections' tables, which must be a
        fold of the journal. They are not compared once retention has deleted events: rows about what those told stay.
        """
        return await upkeep.apart(self.path, checkup.problems, self._projections)

    async def rebuild(self) -> None:
        """Make the projections' tables anew from the events that are there."""
        await self._writer.run(self._commits.transaction, self._rebuild)

    def _rebuild(self, connection: sqlite3.Connection) -> None:
        for projection in self._projections:
            folding.make_anew(connection, projection, self._commits.floor)

    async def backup(self, target: str | os.PathLike[str]) -> None:
        """Write a copy of the present state to a new file, while others go on writing."""
        await upkeep.apart(self.path, upkeep.copy, Path(target))

    async def delete_before(self, seq: int, batch: int = 1000) -> int:
        """Delete the events before `seq`, except the last one; return how many.

        In small transactions, so that nobody waits long. Projections keep their rows until they are rebuilt.
        """
        deleted = 0
        while part := await self._writer.run(self._commits.transaction, upkeep.Deletion(seq, batch)):
            deleted += part
        if deleted:
            await self._writer.run(self._commits.transaction, upkeep.sweep)
        return deleted

    async def statistics(self) -> JournalStatistics:
        """Return sizes and counts."""
        return await self._reader.run(upkeep.statistics, self.path)


def _query(connection: sqlite3.Connection, sql: str, params: Sequence[Any]) -> list[tuple[Any, ...]]:
    return connection.execute(sql, params).fetchall()


def _place(connection: sqlite3.Connection) -> _Place:
    journal, epoch, floor, head = connection.execute(
        "SELECT id, epoch, floor, (SELECT coalesce(max(seq), 0) FROM event) FROM journal"
    ).fetchone()
    return _Place(Cursor(journal, epoch, head), floor)
