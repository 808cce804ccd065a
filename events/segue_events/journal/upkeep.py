"""The care of a journal's file: made, configured, copied, shortened, measured."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from segue_events.errors import JournalError
from segue_events.journal.lock import JournalLock
from segue_events.sqlite import Database, connect

__all__ = ("Deletion", "JournalStatistics", "apart", "configure", "copy", "make_file", "statistics", "sweep")

P = ParamSpec("P")
T = TypeVar("T")

_WAL_BYTES_KEPT = 64 * 1024 * 1024
_PAGES_RETURNED = 1_000


def make_file(path: Path) -> None:
    """Make an empty file that only its owner may read, if there is none: events hold what users passed around.

    One that exists is not touched: closing it would take SQLite's locks away from this process's other connections.
    """
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def configure(connection: sqlite3.Connection, path: Path, synchronous: str) -> None:
    """Prepare a connection for writing."""
    # Has an effect only before the first table is made.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise JournalError(f"The journal {path} lies where SQLite has no write-ahead log ({mode}); use a local disk.")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    # The journal makes its checkpoints itself, off the way of commits.
    connection.execute("PRAGMA wal_autocheckpoint = 0").fetchone()
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}").fetchone()


async def apart(
    path: Path, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Do long work on a connection of its own, which only reads."""
    lock = JournalLock(path)
    lock.open(read_only=True)

    def close(connection: sqlite3.Connection) -> None:
        with lock:
            connection.close()

    database = Database(path, lambda: connect(path, read_only=True), close)
    try:
        await database.open()
        return await database.run(work, *args, **kwargs)
    finally:
        await database.close()
        lock.close()


def copy(source: sqlite3.Connection, target: Path) -> None:
    """Copy the database into a new file."""
    if target.exists():
        raise JournalError(f"The backup {target} exists already; name a new file.")
    make_file(target)
    copied = connect(target)
    try:
        # All pages in one step: one state, however much is written meanwhile.
        source.backup(copied, pages=-1)
        # A copy that nobody writes is one file, without a log beside it.
        copied.execute("PRAGMA journal_mode = DELETE").fetchone()
    finally:
        copied.close()


class Deletion(NamedTuple):
    """Deletes the oldest `most` events before a seq, within a transaction."""

    before: int
    most: int

    def __call__(self, connection: sqlite3.Connection) -> int:
        """Return how many were deleted."""
        (floor,) = connection.execute("SELECT floor FROM journal").fetchone()
        (head,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
        # The head stays: from it, SQLite reckons the next seq.
        through = min(self.before - 1, head - 1, floor + self.most)
        if through <= floor:
            return 0
        deleted = connection.execute("DELETE FROM event WHERE seq <= ?", (through,)).rowcount
        connection.execute("UPDATE journal SET floor = ?", (through,))
        return deleted


def sweep(connection: sqlite3.Connection) -> None:
    """Forget runs without events, and give free pages back to the file system."""
    connection.execute(
        "DELETE FROM event_run WHERE NOT EXISTS (SELECT 1 FROM event WHERE event.run = event_run.number)"
    )
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    for _ in range(min(free, _PAGES_RETURNED)):
        # SQLite frees one page a step, and sqlite3 takes a single step of a statement that has no columns.
        connection.execute("PRAGMA incremental_vacuum(1)")


class JournalStatistics(NamedTuple):
    """Events and runs that are there; from after which seq, to which; bytes of the file, free in it, and of its log."""

    events: int
    runs: int
    floor: int
    head: int
    epoch: int
    bytes: int
    free_bytes: int
    log_bytes: int


def statistics(connection: sqlite3.Connection, path: Path) -> JournalStatistics:
    """Measure the journal."""
    floor, epoch = connection.execute("SELECT floor, epoch FROM journal").fetchone()
    (head,) = connection.execute("SELECT coalesce(max(seq), 0) FROM event").fetchone()
    (runs,) = connection.execute("SELECT count(*) FROM event_run").fetchone()
    pages, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    log = path.with_name(path.name + "-wal")
    log_bytes = log.stat().st_size if log.exists() else 0
    return JournalStatistics(head - floor, runs, floor, head, epoch, pages * size, free * size, log_bytes)
