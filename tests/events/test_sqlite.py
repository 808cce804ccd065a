"""Connections in threads of their own, statements of many rows, errors as sentences."""

import asyncio
import errno
import sqlite3
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events.errors import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalUnwritable,
)
from segue_events.sqlite import Database, failure, in_parts, insert, statements

PARTS = ("INSERT INTO t (a, b) VALUES", "(?, COALESCE(?, 'none'))", "ON CONFLICT (a) DO NOTHING")


@given(st.lists(st.integers(0, 5000), max_size=50) | st.integers(0, 5000).map(range))
def test_any_number_of_rows_is_inserted_once_each(keys: list[int]) -> None:
    """Rows that are there already count as not inserted; padding is never seen."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    values: list[object] = [value for key in keys for value in (key, None if key % 2 else str(key))]
    assert insert(connection, PARTS, values, 2) == len(set(keys))
    rows = connection.execute("SELECT a, b FROM t ORDER BY a").fetchall()
    assert rows == [(key, "none" if key % 2 else str(key)) for key in sorted(set(keys))]
    connection.close()


def test_few_sizes_of_statement_are_used() -> None:
    """So that nearly each is found prepared."""
    texts: set[str] = set()
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    connection.set_trace_callback(lambda text: texts.add(text[: text.index("LIMIT")]) if "LIMIT" in text else None)
    for count in range(1, 300):
        insert(connection, PARTS, [None, None] * count, 2)
    assert len({text.count("COALESCE") for text in texts}) <= 18
    connection.close()


def test_a_script_is_split_into_its_statements() -> None:
    script = "CREATE TABLE a (x);\n-- a; comment\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\n SELECT 1;\n END;\nSELECT 2"
    assert [statement.split()[0] for statement in statements(script)] == ["CREATE", "--", "SELECT"]


def test_a_long_in_is_asked_in_parts() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (a)")
    insert(connection, ("INSERT INTO t VALUES", "(?)", ""), list(range(1234)), 1)
    rows = list(in_parts(connection, "SELECT a FROM t WHERE a IN", range(-5, 5000)))
    assert sorted(rows) == [(n,) for n in range(1234)]
    assert list(in_parts(connection, "SELECT a FROM t WHERE a IN", [])) == []
    connection.close()


async def test_a_database_works_in_one_thread_of_its_own(tmp_path: Path) -> None:
    """In the order in which it was asked."""
    database = Database(tmp_path / "x.db", lambda: sqlite3.connect(":memory:"))
    await database.open()
    threads = await asyncio.gather(*(database.run(lambda _: threading.get_ident()) for _ in range(5)))
    assert len({*threads, threading.get_ident()}) == 2
    assert not database.busy
    await database.close()
    await database.close()


async def test_an_opening_that_fails_ends_its_thread(tmp_path: Path) -> None:
    """And says why."""

    def fail() -> sqlite3.Connection:
        raise PermissionError(errno.EACCES, "not yours")

    before = set(threading.enumerate())
    database = Database(tmp_path / "x.db", fail)
    with pytest.raises(JournalUnwritable, match="not yours"):
        await database.open()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before
    with pytest.raises(JournalError, match="not open"):
        await database.run(lambda _: None)


async def test_a_cancelled_call_is_done_all_the_same(tmp_path: Path) -> None:
    """Only nobody hears of it; the next one waits for its turn."""
    database = Database(tmp_path / "x.db", lambda: sqlite3.connect(":memory:", isolation_level=None))
    await database.open()
    gate = threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        gate.wait(5)
        connection.execute("CREATE TABLE t (x)")

    call = asyncio.create_task(database.run(slow))
    await asyncio.sleep(0)
    call.cancel()
    gate.set()
    assert await database.run(lambda connection: connection.execute("SELECT count(*) FROM t").fetchall()) == [(0,)]
    await database.close()


async def test_a_loop_that_closes_while_it_waits_harms_nobody(tmp_path: Path) -> None:
    """Its answer is dropped, and the database's thread lives on."""
    database = Database(tmp_path / "x.db", lambda: sqlite3.connect(":memory:"))
    await database.open()
    begun, gate = threading.Event(), threading.Event()

    def slow(_: sqlite3.Connection) -> None:
        begun.set()
        gate.wait(5)

    def ask_and_leave() -> None:
        loop = asyncio.new_event_loop()
        call = loop.create_task(database.run(slow))
        loop.run_until_complete(asyncio.wait([call], timeout=0.001))
        begun.wait(5)
        call.cancel()
        loop.run_until_complete(asyncio.wait([call]))
        loop.close()

    await asyncio.to_thread(ask_and_leave)
    gate.set()
    assert await database.run(lambda _: "alive") == "alive"
    await database.close()


def coded(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("the reason")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (coded(sqlite3.SQLITE_FULL), JournalFull),
        (coded(sqlite3.SQLITE_CORRUPT_INDEX), JournalCorrupt),
        (coded(sqlite3.SQLITE_NOTADB), JournalCorrupt),
        (coded(sqlite3.SQLITE_CANTOPEN), JournalUnwritable),
        (coded(sqlite3.SQLITE_READONLY_DIRECTORY), JournalUnwritable),
        (coded(sqlite3.SQLITE_BUSY_SNAPSHOT), JournalLocked),
        (coded(sqlite3.SQLITE_IOERR_READ), JournalError),
        (sqlite3.ProgrammingError("the reason"), JournalError),
        (OSError(errno.ENOSPC, "the reason"), JournalFull),
        (OSError(errno.EROFS, "the reason"), JournalUnwritable),
        (FileNotFoundError(errno.ENOENT, "the reason"), JournalUnwritable),
        (OSError(errno.EIO, "the reason"), JournalError),
    ],
)
def test_errors_become_sentences_that_name_the_file(error: sqlite3.Error, kind: type[JournalError]) -> None:
    told = failure(error, Path("/data/a {journal}.db"))
    assert type(told) is kind
    assert "/data/a {journal}.db" in str(told)
    assert str(told).endswith(".")
