"""Events as rows: how they are read from the database, and what one row of an insert holds."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any

import msgspec

from segue_events.errors import JournalCorrupt
from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.ids import id_in_memory, ids_at_rest

__all__ = ("EVENT_INSERT", "EVENT_WIDTH", "read_events", "rows_of")

# Without `seq`, which SQLite makes one more than the largest: under the lock there is no other writer, and the head
# itself is never deleted.
EVENT_INSERT = (
    "INSERT INTO event (id, occurred, kind, run, subject, payload) VALUES",
    "(?, ?, ?, ?, ?, ?)",
    "ON CONFLICT (id) DO NOTHING",
)
EVENT_WIDTH = 6

# Runs and subjects come again and again.
_unpacked = lru_cache(maxsize=16_384)(id_in_memory)


def rows_of(
    events: Sequence[Event], payloads: Sequence[bytes], kinds: Mapping[str, int], runs: Mapping[str, int]
) -> list[object]:
    """Return the values of the events' rows, one after the other; KeyError for a kind or run that has no number."""
    columns: tuple[list[Any], ...] = (
        ids_at_rest([event.id for event in events]),
        [event.occurred for event in events],
        [kinds[event.kind] for event in events],
        [runs[event.run] for event in events],
        ids_at_rest([event.subject for event in events]),
        [payload.decode() for payload in payloads],
    )
    return list(chain.from_iterable(zip(*columns, strict=True)))


def _quoted(column: str) -> str:
    """An id as JSON: the hexadecimal digits of a blob, or a text after a mark that is no such digit."""
    return (
        f"""CASE typeof({column}) WHEN 'blob' THEN '"' || hex({column}) || '"' ELSE json_quote(':' || {column}) END"""
    )


# All rows as one text of JSON. In one step SQLite makes it and in one call it is decoded, both without giving Python's
# lock away and waiting for it again at each row; it takes a fifth of the time of fetching rows.
_READ = f"""
SELECT '[' || coalesce(group_concat(line), '') || ']' FROM (
    SELECT '[' || seq || ',' || {_quoted("id")} || ',' || occurred
        || ',' || (SELECT json_quote(name) FROM event_kind WHERE number = event.kind)
        || ',' || (SELECT {_quoted("id")} FROM event_run WHERE number = event.run)
        || ',' || {_quoted("subject")} || ',' || payload || ']' AS line
    FROM event WHERE seq > ? AND %s ORDER BY seq LIMIT ?
)"""

_decoder = msgspec.json.Decoder(list[tuple[int, str, int, str, str, str, dict[str, Any]]])


def read_events(connection: sqlite3.Connection, after: int, filter: Filter | None, limit: int) -> list[Event]:
    """Return the next events after a seq, at most `limit` of them, in order."""
    where, parameters = ("TRUE", []) if filter is None else filter.where()
    try:
        (text,) = connection.execute(_READ % where, (after, *parameters, max(limit, 0))).fetchone()
        rows = _decoder.decode(text)
    except sqlite3.DataError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_TOOBIG or limit <= 1:
            raise
        # Very large payloads: together they are longer than a text may be.
        half = read_events(connection, after, filter, limit // 2)
        return half + read_events(connection, half[-1].seq, filter, limit - len(half)) if half else half
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(
            f"An event after {after} holds a payload that is no JSON ({error}); restore a backup of the journal."
        ) from error
    events = [
        Event(
            kind=kind,
            payload=payload,
            run=_unpacked(_kept(run)),
            subject=_unpacked(_kept(subject)),
            occurred=occurred,
            id=id_in_memory(_kept(name)),
            seq=seq,
        )
        for seq, name, occurred, kind, run, subject, payload in rows
    ]
    # SQLite promises no order within a group_concat.
    events.sort(key=attrgetter("seq"))
    return events


def _kept(quoted: str) -> bytes | str:
    return quoted[1:] if quoted.startswith(":") else bytes.fromhex(quoted)
