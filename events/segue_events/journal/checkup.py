"""What may be wrong with a journal's file, found and said in sentences."""

import sqlite3
from collections.abc import Iterator, Sequence

from segue_events.errors import JournalError
from segue_events.journal import Projection, folding

__all__ = ("problems",)

_AT_MOST = 10


def problems(connection: sqlite3.Connection, projections: Sequence[Projection]) -> list[str]:
    """Return what is wrong; nothing if the journal is sound."""
    connection.execute("BEGIN")
    try:
        # What a damaged file says about its events means nothing.
        if damages := list(_damages(connection)):
            return damages
        return [*_of_events(connection), *_of_projections(connection, projections)]
    finally:
        connection.execute("ROLLBACK")


def _damages(connection: sqlite3.Connection) -> Iterator[str]:
    try:
        for (row,) in connection.execute(f"PRAGMA integrity_check({_AT_MOST})"):
            if row != "ok":
                yield f"The file is damaged: {row}."
    except sqlite3.DatabaseError as error:
        yield f"The file is damaged: {error}."


def _of_events(connection: sqlite3.Connection) -> Iterator[str]:
    (floor,) = connection.execute("SELECT floor FROM journal").fetchone()
    first, last, count = connection.execute(
        f"SELECT coalesce(min(seq), {floor + 1}), coalesce(max(seq), {floor}), count(*) FROM event"
    ).fetchone()
    if first != floor + 1:
        yield f"The first event is {first}, and should be {floor + 1}."
    if last - first + 1 != count:
        yield f"Between the events {first} and {last}, {last - first + 1 - count} are missing."
    for column, table in (("kind", "event_kind"), ("run", "event_run")):
        query = f"SELECT count(*) FROM event WHERE {column} NOT IN (SELECT number FROM {table})"
        (lost,) = connection.execute(query).fetchone()
        if lost:
            yield f"{lost} events have a {column} that is not in the table {table}."
    (twice,) = connection.execute("SELECT count(*) - count(DISTINCT id) FROM event").fetchone()
    if twice:
        yield f"{twice} events have an id that another one has."
    try:
        for _ in folding.pages(connection, floor):
            pass
    except JournalError as error:
        yield str(error)


def _of_projections(connection: sqlite3.Connection, projections: Sequence[Projection]) -> Iterator[str]:
    (floor,) = connection.execute("SELECT floor FROM journal").fetchone()
    for projection in projections if floor == 0 else ():
        anew = sqlite3.connect(":memory:", isolation_level=None)
        try:
            folding.create(anew, projection)
            folding.fold(anew, projection, 0, connection)
            yield from _differences(projection, anew, connection)
        except JournalError as error:
            yield str(error)
        finally:
            anew.close()


def _differences(projection: Projection, anew: sqlite3.Connection, kept: sqlite3.Connection) -> Iterator[str]:
    for table in projection.tables:
        should, has = set(_rows(anew, table)), set(_rows(kept, table))
        if should != has:
            example = min(should ^ has, key=repr)
            yield (
                f"The table {table} of the projection '{projection.name}' is not what the journal tells: "
                f"{len(should - has)} rows are missing, {len(has - should)} are wrong, such as {example!r}; rebuild it."
            )


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    yield from connection.execute(f'SELECT * FROM "{table}"')
