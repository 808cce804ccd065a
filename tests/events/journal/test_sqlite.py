"""The journal in a file: what it keeps, how it is shared, and what it says when it cannot work."""

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from segue_events import (
    Cursor,
    CursorReset,
    Event,
    Filter,
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalTooNew,
    JournalUnwritable,
    SqliteJournal,
    Write,
    new_id,
)
from segue_events.testing import Tally, numbers


def content(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


async def test_a_journal_outlives_its_process(path: Path) -> None:
    """Opened again, it goes on where it was, under the same name."""
    async with SqliteJournal(path) as journal:
        written = [*numbers(3), Event(kind="a.b", run=new_id(), subject=new_id(), occurred=5)]
        await journal.append(written)
        head = await journal.head()
    async with SqliteJournal(path) as journal:
        assert await journal.read() == written
        assert await journal.head() == head
        assert await journal.append(numbers(1)) == 5


async def test_only_the_owner_may_read_the_files(journal: SqliteJournal, path: Path) -> None:
    """Events hold parameters and results."""
    await journal.append(numbers(1))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.glob("journal.db*")}
    assert modes == dict.fromkeys(
        ["journal.db", "journal.db-shm", "journal.db-wal", "journal.db.hwm", "journal.db.lock"], 0o600
    )


async def test_closing_leaves_one_database_without_a_log(path: Path) -> None:
    """The last one to close moves everything into the database."""
    async with SqliteJournal(path) as journal:
        await journal.append(numbers(10))
    assert not path.with_name("journal.db-wal").exists()
    async with SqliteJournal(path, read_only=True) as journal:
        assert len(await journal.read()) == 10


async def test_closing_twice_and_before_opening_is_harmless(path: Path) -> None:
    """And no thread is left that would keep the interpreter from ending."""
    before = set(threading.enumerate())
    journal = SqliteJournal(path)
    await journal.close()
    async with journal:
        await journal.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert set(threading.enumerate()) <= before


async def test_a_closed_journal_says_so(journal: SqliteJournal) -> None:
    """It can be opened again."""
    await journal.close()
    with pytest.raises(JournalError, match="is not open"):
        await journal.read()
    async with journal:
        assert await journal.append(numbers(1)) == 1


async def test_reads_may_come_from_any_loop(journal: SqliteJournal) -> None:
    """Such as that of a plain flow's thread."""
    await journal.append(numbers(3))
    events = await asyncio.to_thread(lambda: asyncio.run(journal.read()))
    assert [event.seq for event in events] == [1, 2, 3]


async def test_a_query_reads_and_changes_nothing(journal: SqliteJournal) -> None:
    """Anything in the database can be asked for."""
    await journal.append(numbers(3))
    assert await journal.query("SELECT events, total FROM tally WHERE subject = ?", ["s"]) == [(3, 3)]
    with pytest.raises(JournalUnwritable, match="readonly"):
        await journal.query("DELETE FROM event")


async def test_very_large_payloads_are_read_in_parts(path: Path) -> None:
    """Together they are longer than an SQLite text may be."""
    async with SqliteJournal(path) as journal:
        await journal.append([Event(kind="a.b", payload={"text": "x" * 30_000}) for _ in range(30)])

        def limit(connection: sqlite3.Connection) -> None:
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 100_000)

        await journal._reader.run(limit)  # noqa: SLF001
        assert [event.seq for event in await journal.read(after=2)] == list(range(3, 31))


# --- several writers ---


async def test_two_journals_of_one_file_take_turns(path: Path) -> None:
    """Each batch is in one piece; kinds and runs first met by the other are known."""
    async with SqliteJournal(path, projections=[Tally()]) as left, SqliteJournal(path, projections=[Tally()]) as right:
        for n in range(5):
            await left.append([Event(kind=f"kind.{n}", run=f"run {n}", subject="left") for _ in range(3)])
            await right.append([Event(kind=f"kind.{n + 1}", run=f"run {n + 1}", subject="right") for _ in range(3)])
        events = await left.read()
        assert [event.seq for event in events] == list(range(1, 31))
        assert [event.subject for event in events] == (["left"] * 3 + ["right"] * 3) * 5
        assert [await left.check(), await right.check()] == [[], []]


async def test_another_writers_commit_is_noticed_once(path: Path) -> None:
    """One's own are no news."""
    async with SqliteJournal(path) as left, SqliteJournal(path) as right:
        await left.append(numbers(1))
        await right.append(numbers(1))
        assert [await left.changed(), await left.changed()] == [True, False]
        await left.append(numbers(1))
        assert [await left.changed(), await right.changed(), await right.changed()] == [False, True, False]


async def test_a_commit_between_two_own_ones_is_noticed(path: Path) -> None:
    """Although the last commit was one's own."""
    async with SqliteJournal(path) as left, SqliteJournal(path) as right:
        await left.append(numbers(1))
        await right.append(numbers(1))
        await left.append(numbers(1))
        assert [await left.changed(), await left.changed()] == [True, False]


async def test_a_commit_that_the_mark_does_not_tell_is_noticed_after_a_while(path: Path) -> None:
    """Its writer was killed between the commit and the mark."""
    async with SqliteJournal(path) as left, SqliteJournal(path) as right:
        mark = path.with_name("journal.db.hwm").read_bytes()
        await right.append(numbers(1))
        path.with_name("journal.db.hwm").write_bytes(mark)
        assert any([await left.changed() for _ in range(300)])


async def test_a_writer_without_a_projection_leaves_it_behind_and_it_catches_up(path: Path) -> None:
    """At the next commit of a writer that knows it, or when one opens."""
    async with SqliteJournal(path, projections=[Tally()]) as knowing, SqliteJournal(path) as other:
        await knowing.append(numbers(2))
        await other.append(numbers(3))
        await other.append(numbers(1))
        await knowing.append(numbers(1))
        assert await knowing.check() == []
        await other.append(numbers(4))
    async with SqliteJournal(path, projections=[Tally()]) as knowing:
        assert await knowing.query("SELECT events FROM tally") == [(11,)]
        assert await knowing.check() == []


# --- projections ---


class Grown(Tally):
    version = 2
    schema = Tally.schema.replace("last INTEGER NOT NULL", "last INTEGER NOT NULL, note TEXT DEFAULT 'new'")


class Broken(Tally):
    name = "broken"
    tables = ()
    schema = ""

    def writes(self, events: object) -> list[object]:
        raise LookupError("no such luck")


async def test_a_projection_of_a_new_version_is_made_anew(path: Path) -> None:
    """From the whole journal; the old program then says that it is too old."""
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        await journal.append(numbers(5))
    async with SqliteJournal(path, projections=[Grown()]) as journal:
        assert await journal.query("SELECT events, note FROM tally") == [(5, "new")]
        assert await journal.check() == []
    with pytest.raises(JournalTooNew, match="'tally' is kept in version 2"):
        await SqliteJournal(path, projections=[Tally()]).open()


async def test_a_new_projection_is_folded_from_the_whole_journal(path: Path) -> None:
    """Of a journal that was there before."""
    async with SqliteJournal(path) as journal:
        await journal.append(numbers(4))
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        assert await journal.query("SELECT events FROM tally") == [(4,)]


async def test_a_projection_that_fails_fails_the_commit(path: Path) -> None:
    """Nothing of the batch is there, and the events have no seq."""
    async with SqliteJournal(path, projections=[Tally(), Broken()]) as journal:
        events = numbers(2)
        with pytest.raises(JournalError, match=r"'broken' failed.*no such luck"):
            await journal.append(events)
        assert [event.seq for event in events] == [0, 0]
        assert await journal.read() == []


async def test_check_finds_a_projection_that_was_tampered_with_and_rebuild_mends_it(path: Path) -> None:
    """A missing, a wrong and a surplus row."""
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        await journal.append([event for name in "abcd" for event in numbers(2, name)])
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("DELETE FROM tally WHERE subject = 'a'")
        connection.execute("UPDATE tally SET total = 99 WHERE subject = 'b'")
        connection.execute("INSERT INTO tally VALUES ('x', 1, 1, 1)")
        connection.close()
        (problem,) = await journal.check()
        assert "2 rows are missing, 2 are wrong" in problem
        await journal.rebuild()
        assert await journal.check() == []


class Remembering(Tally):
    def __init__(self) -> None:
        self.payloads: list[object] = []

    def writes(self, events: Sequence[Event]) -> list[Write]:
        self.payloads += [event.payload for event in events]
        return super().writes(events)


async def test_a_projection_sees_payloads_as_a_reader_does(path: Path) -> None:
    """Also what was encoded before it was published: made anew, the tables are the same."""
    projection = Remembering()
    async with SqliteJournal(path, projections=[projection]) as journal:
        await journal.append([Event(kind="a.b", payload={"result": msgspec.Raw(b'{"x": []}'), "n": 1}), *numbers(1)])
        assert projection.payloads == [{"result": {"x": []}, "n": 1}, {"n": 0}]
        await journal.rebuild()
        assert projection.payloads[2:] == projection.payloads[:2]


async def test_a_projection_may_delete(path: Path) -> None:
    """Any statement whose head ends with VALUES is one of many rows."""

    class Forgetful(Tally):
        def writes(self, events: Sequence[Event]) -> list[Write]:
            gone = [(event.subject,) for event in events if event.kind == "subject.gone"]
            return [*super().writes(events), Write("DELETE FROM tally WHERE subject IN (VALUES ", "(?)", ")", gone)]

    async with SqliteJournal(path, projections=[Forgetful()]) as journal:
        await journal.append([*numbers(3, "a"), *numbers(3, "b")])
        await journal.append([Event(kind="subject.gone", subject="a")])
        assert await journal.query("SELECT subject FROM tally") == [("b",)]
        assert await journal.check() == []


# --- check ---


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM event WHERE seq = 3", "Between the events 1 and 5, 1 are missing"),
        ("DELETE FROM event WHERE seq = 1", "The first event is 2, and should be 1"),
        ("DELETE FROM event_kind", "5 events have a kind that is not in the table event_kind"),
        ("DELETE FROM event_run", "5 events have a run that is not in the table event_run"),
        ("UPDATE event SET payload = '{' WHERE seq = 2", "holds a payload that is no JSON"),
    ],
)
async def test_check_says_what_is_wrong_with_events(path: Path, damage: str, words: str) -> None:
    async with SqliteJournal(path) as journal:
        await journal.append(numbers(5))
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute(damage)
        connection.close()
        assert words in " ".join(await journal.check())


async def test_check_finds_damaged_pages(path: Path) -> None:
    """Bytes that the disk has changed."""
    async with SqliteJournal(path) as journal:
        await journal.append([event for n in range(100) for event in numbers(1, new_id())])
        (page,) = (await journal.query("SELECT rootpage FROM sqlite_schema WHERE name = 'event_by_run'"))[0]
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(64))
    async with SqliteJournal(path) as journal:
        assert "The file is damaged" in (await journal.check())[0]


# --- the end that was lost ---


async def test_a_lost_end_begins_a_new_epoch_and_is_told(path: Path) -> None:
    """As after a power failure: the mark knows of events that the database does not have."""
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        await journal.append(numbers(3))
        saved = path.with_name("saved.db")
        await journal.backup(saved)
        await journal.append(numbers(4))
        old = await journal.head()
    saved.replace(path)
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        told = (await journal.read(after=3))[0]
        assert (told.kind, told.payload, told.seq) == ("journal.truncated", {"lost": 4}, 4)
        assert await journal.head() == Cursor(old.journal, old.epoch + 1, 4)
        with pytest.raises(CursorReset, match="lost its last events"):
            await journal.check_cursor(old)
        assert await journal.check() == []
    async with SqliteJournal(path) as journal:
        assert (await journal.head()).epoch == old.epoch + 1


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff" * 200, b"another-journal 5 99"])
async def test_a_mark_that_says_nothing_of_this_journal_is_replaced(path: Path, content: bytes) -> None:
    async with SqliteJournal(path) as journal:
        await journal.append(numbers(2))
    path.with_name("journal.db.hwm").write_bytes(content)
    async with SqliteJournal(path) as journal:
        assert (await journal.head()).seq == 2
        assert await journal.read(filter=Filter(kinds=("journal.*",))) == []


# --- what cannot be opened or written ---


async def test_a_journal_of_a_newer_version_is_not_touched(path: Path) -> None:
    async with SqliteJournal(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    for read_only in (False, True):
        with pytest.raises(JournalTooNew, match=r"journal\.db has form 99"):
            await SqliteJournal(path, read_only=read_only).open()


async def test_a_database_of_something_else_is_not_touched(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = content(path)
    with pytest.raises(JournalCorrupt, match="but no journal"):
        await SqliteJournal(path).open()
    assert content(path) == before


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    write(path, b"My diary. " * 1000)
    with pytest.raises(JournalCorrupt, match="is damaged or is no journal"):
        await SqliteJournal(path).open()


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalUnwritable, match=r"let this user write the folder .*missing"):
        await SqliteJournal(tmp_path / "missing" / "journal.db").open()


async def test_reading_what_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(JournalError, match="There is no journal"):
        await SqliteJournal(path, read_only=True).open()
    assert os.listdir(path.parent) == []


async def test_reading_only_appends_nothing(path: Path) -> None:
    async with SqliteJournal(path) as writer, SqliteJournal(path, read_only=True) as reader:
        await writer.append(numbers(2))
        assert len(await reader.read()) == 2
        assert await reader.changed()
        with pytest.raises(JournalUnwritable, match="for reading only"):
            await reader.append(numbers(1))


async def test_a_full_disk_is_said_and_heals(path: Path) -> None:
    """Nothing of the batch is there; once there is room, it is written."""
    async with SqliteJournal(path) as journal:

        def bound(connection: sqlite3.Connection, pages: int) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()

        await journal._writer.run(bound, 1)  # noqa: SLF001
        events = [Event(kind="a.b", payload={"text": "x" * 5_000}) for _ in range(50)]
        with pytest.raises(JournalFull, match="There is no room on the disk"):
            await journal.append(events)
        assert [event.seq for event in events] == [0] * 50
        await journal._writer.run(bound, 100_000)  # noqa: SLF001
        assert await journal.append(events) == 50
        assert await journal.check() == []


async def test_a_program_that_holds_the_database_is_named_as_the_cause(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("segue_events.sqlite._BUSY_SECONDS", 0.01)
    async with SqliteJournal(path) as journal:
        shell = sqlite3.connect(path, isolation_level=None)
        shell.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLocked, match="Another program holds"):
            await journal.append(numbers(1))
        shell.execute("ROLLBACK")
        shell.close()
        assert await journal.append(numbers(1)) == 1


def test_an_unknown_durability_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="'NORMAL' or 'FULL'"):
        SqliteJournal(path, synchronous="OFF")


# --- care ---


async def test_retention_deletes_from_the_beginning_and_says_so_to_cursors(journal: SqliteJournal) -> None:
    """In small batches; the rest has no gap."""
    await journal.append(numbers(100))
    await journal.append([Event(kind="a.b", run="late") for _ in range(5)])
    head = await journal.head()
    assert await journal.delete_before(42, batch=10) == 41
    assert [event.seq for event in await journal.read(limit=1)] == [42]
    with pytest.raises(CursorReset, match="events up to 41 are deleted"):
        await journal.check_cursor(Cursor(head.journal, head.epoch, 40))
    await journal.check_cursor(Cursor(head.journal, head.epoch, 41))
    assert await journal.check() == []
    assert await journal.append([Event(kind="a.b", run="late")]) == 106


async def test_retention_never_deletes_the_last_event(journal: SqliteJournal) -> None:
    """From it the next seq follows."""
    await journal.append(numbers(10))
    assert await journal.delete_before(1_000) == 9
    assert await journal.append(numbers(1)) == 11
    assert await journal.check() == []


async def test_runs_without_events_are_forgotten_and_may_come_again(path: Path) -> None:
    """Also by another process, which knew their number."""
    async with SqliteJournal(path) as left, SqliteJournal(path) as right:
        await left.append([Event(kind="a.b", run=f"run {n}") for n in range(10)])
        await right.append([Event(kind="a.b", run="run 3")])
        await left.delete_before(100)
        await right.append([Event(kind="a.b", run="run 3"), Event(kind="a.b", run="run 4")])
        assert [event.run for event in await left.read()] == ["run 3", "run 3", "run 4"]
        assert (await left.statistics()).runs == 2
        assert await right.check() == []


async def test_a_backup_is_a_whole_journal(journal: SqliteJournal, tmp_path: Path) -> None:
    """Cursors of the original are good for it."""
    await journal.append(numbers(5))
    await journal.backup(tmp_path / "copy.db")
    async with SqliteJournal(tmp_path / "copy.db", projections=[Tally()]) as copy:
        assert await copy.read() == await journal.read()
        await copy.check_cursor(await journal.head())
        assert await copy.check() == []


async def test_a_backup_does_not_overwrite(journal: SqliteJournal, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("precious")
    with pytest.raises(JournalError, match="exists already"):
        await journal.backup(tmp_path / "copy.db")


async def test_statistics_measure(journal: SqliteJournal) -> None:
    await journal.append([*numbers(5), Event(kind="a.b", run="r")])
    await journal.delete_before(3)
    measured = await journal.statistics()
    assert (measured.events, measured.runs, measured.floor, measured.head, measured.epoch) == (4, 2, 2, 6, 1)
    assert measured.bytes >= 4096
    assert measured.log_bytes > 0
