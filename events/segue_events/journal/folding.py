"""Projections in the database: kept, brought up to date, made anew, and compared with the journal."""

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import chain

from segue_events.errors import JournalError, JournalTooNew
from segue_events.event import Event
from segue_events.journal import Projection, Write
from segue_events.journal.rows import read_events
from segue_events.sqlite import insert, marks, statements

__all__ = ("adopt", "disown", "execute", "fold", "make_anew", "writes_of")

_PAGE = 5_000


def writes_of(projections: Sequence[Projection], events: Sequence[Event]) -> list[Write]:
    """Return what the events change in all the projections' tables."""
    writes: list[Write] = []
    for projection in projections:
        try:
            writes += projection.writes(events)
        except Exception as error:
            raise JournalError(
                f"The projection '{projection.name}' failed on the events after {events[0].seq - 1} ({error!r}); "
                "they are not committed: correct it, or open the journal without it."
            ) from error
    return writes


def execute(connection: sqlite3.Connection, writes: Sequence[Write]) -> None:
    """Write the rows of projections."""
    for write in writes:
        if write.rows:
            values = list(chain.from_iterable(write.rows))
            insert(connection, (write.head, write.row, write.tail), values, len(write.rows[0]))


def adopt(connection: sqlite3.Connection, projections: Sequence[Projection], floor: int) -> None:
    """Bring the projections' tables up to date: of a new version or name, or left behind by other writers."""
    for projection in projections:
        version, behind = _known(connection, projection.name)
        if version is not None and version > projection.version:
            raise JournalTooNew(
                f"The projection '{projection.name}' is kept in version {version}, and this program knows "
                f"{projection.version}; upgrade it."
            )
        if version != projection.version:
            make_anew(connection, projection, floor)
        elif behind is not None:
            fold(connection, projection, behind)
            _keep(connection, projection)


def make_anew(connection: sqlite3.Connection, projection: Projection, floor: int) -> None:
    """Drop the projection's tables and fold the journal into new ones."""
    for table in projection.tables:
        connection.execute(f'DROP TABLE IF EXISTS "{table}"')
    create(connection, projection)
    fold(connection, projection, floor)
    _keep(connection, projection)


def create(connection: sqlite3.Connection, projection: Projection) -> None:
    """Create the projection's tables."""
    for statement in statements(projection.schema):
        connection.execute(statement)


def fold(
    target: sqlite3.Connection, projection: Projection, after: int, source: sqlite3.Connection | None = None
) -> None:
    """Write what the events after a seq say into the projection's tables."""
    for page in pages(source or target, after):
        execute(target, writes_of([projection], page))


def pages(connection: sqlite3.Connection, after: int) -> Iterator[list[Event]]:
    """The events after a seq, in pages."""
    while page := read_events(connection, after, None, _PAGE):
        yield page
        after = page[-1].seq


def disown(connection: sqlite3.Connection, projections: Sequence[Projection], head: int) -> None:
    """Note that all projections but these are left behind from here on."""
    names = [projection.name for projection in projections]
    connection.execute(
        f"UPDATE projection SET behind = ? WHERE behind IS NULL AND name NOT IN ({marks(names)})", (head, *names)
    )


def _known(connection: sqlite3.Connection, name: str) -> tuple[int | None, int | None]:
    row = connection.execute("SELECT version, behind FROM projection WHERE name = ?", (name,)).fetchone()
    return row or (None, None)


def _keep(connection: sqlite3.Connection, projection: Projection) -> None:
    connection.execute(
        "INSERT INTO projection (name, version) VALUES (?, ?) "
        "ON CONFLICT (name) DO UPDATE SET version = excluded.version, behind = NULL",
        (projection.name, projection.version),
    )
