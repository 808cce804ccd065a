"""Storage that fails: full, read-only, of a newer version, damaged, or without the end of its log."""

import asyncio
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from segue import flow
from segue.settings import temporary_settings
from segue.tables import projections
from segue_events import (
    Bus,
    Cursor,
    CursorReset,
    Event,
    JournalCorrupt,
    JournalFull,
    JournalTooNew,
    JournalUnwritable,
)
from segue_events.journal.sqlite import SqliteJournal
from segue_events.testing import FakeClock

NOBODY = 65534


@flow
async def nothing() -> None:
    """The least that can be recorded."""


def numbered(first: int, count: int) -> list[Event]:
    return [Event(kind="number.written", payload={"number": n, "pad": "x" * 200}) for n in range(first, first + count)]


async def written(path: Path, count: int) -> None:
    async with SqliteJournal(path) as journal:
        await journal.append(numbered(0, count))


class SmallDisk:
    """A projection without tables that lets the database grow to so many pages: SQLite then finds its disk full."""

    name, version, tables = "small_disk", 1, ()

    def __init__(self, pages: int) -> None:
        self.schema = f"PRAGMA max_page_count = {pages};"

    def writes(self, events: object) -> list[object]:
        return []


async def test_a_full_disk_loses_nothing_and_heals(tmp_path: Path) -> None:
    """Events wait until there is room; who asks whether they are durable is told that they are not, and why."""
    path, clock = tmp_path / "segue.db", FakeClock()
    async with SqliteJournal(path, projections=[SmallDisk(200)]) as journal, Bus(journal, clock) as bus:
        clock.watch(journal)
        count = 0
        while bus.failure is None:
            bus.publish_many(numbered(count, 100))
            count += 100
            await asyncio.gather(bus.flushed(), return_exceptions=True)
        with pytest.raises(JournalFull, match=r"no room on the disk .*segue\.db"):
            await bus.flushed()
        assert bus.backlog == 100

        await journal.delete_before(count // 2)
        await clock.advance(10)
        await bus.flushed()
        assert bus.backlog == 0
        kept = await journal.read(after=count // 2, limit=count)
        assert [event.payload["number"] for event in kept] == list(range(count // 2, count))


@pytest.mark.parametrize("room", [0, 50_000, 400_000])
async def test_a_flow_on_a_full_disk_ends_honestly(start, segue_home: Path, room: int) -> None:
    """Its caller is told that it is not recorded; when there is room again, all of it is, without a restart."""
    child = start("crowded.py", 2_000, room)
    output, _ = child.communicate()
    told, head = output.splitlines()

    assert child.returncode == 0
    assert told.startswith("JournalNotRecorded: ")
    assert str(segue_home / "segue.db") in told
    async with SqliteJournal(segue_home / "segue.db", projections=projections()) as journal:
        kinds = [event.kind for event in await journal.read(limit=10_000)]
        assert len(kinds) == int(head)
        assert kinds.count("task-run.completed") == 2_001
        assert kinds.count("flow-run.completed") == 2
        assert await journal.check() == []


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, if this process is the super-user, who may write everywhere."""
    privileged = os.geteuid() == 0
    if privileged:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if privileged:
            os.seteuid(0)


def forbid_writing(folder: Path) -> None:
    """Take the right to write from the folder and what is in it."""
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)


@pytest.fixture
def bare_folder() -> Iterator[Path]:
    """A folder that others may look into, unlike the one of the test; its rights are given back at the end."""
    folder = Path(tempfile.mkdtemp(prefix="segue-read-only-"))
    yield folder
    folder.chmod(0o700)
    shutil.rmtree(folder)


async def test_a_read_only_folder_is_said_to_be_one(bare_folder: Path) -> None:
    """Where there is no journal yet and where there is one; a flow's caller gets the same sentence."""
    await written(bare_folder / "old.db", 10)
    forbid_writing(bare_folder)
    with temporary_settings({"home": bare_folder}), unprivileged():
        for name in ("new.db", "old.db"):
            with pytest.raises(JournalUnwritable, match=name):
                await written(bare_folder / name, 1)
        with pytest.raises(JournalUnwritable, match=r"segue\.db"):
            await nothing()


async def test_a_journal_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """By the journal and by a flow, with both versions named; the file is not touched."""
    path = tmp_path / "segue.db"
    await written(path, 10)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    with pytest.raises(JournalTooNew, match="form 999"):
        await written(path, 1)
    with temporary_settings({"home": tmp_path}), pytest.raises(JournalTooNew, match=r"segue\.db"):
        await nothing()
    assert path.read_bytes() == before


@pytest.mark.parametrize("junk", [b"no database at all " * 1000, b"\0" * 4096], ids=["text", "zeros"])
async def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, junk: bytes) -> None:
    """By the journal and by a flow; the file stays as it is."""
    path = tmp_path / "segue.db"
    path.write_bytes(junk)
    with pytest.raises(JournalCorrupt, match=r"segue\.db"):
        await written(path, 1)
    with temporary_settings({"home": tmp_path}), pytest.raises(JournalCorrupt, match=r"segue\.db"):
        await nothing()
    assert path.read_bytes() == junk


async def problems(path: Path) -> list[str]:
    """What opening or checking the journal says is wrong with it."""
    try:
        async with SqliteJournal(path) as journal:
            return await journal.check()
    except JournalCorrupt as error:
        return [str(error)]


@pytest.mark.parametrize("seed", range(10))
async def test_damaged_pages_are_found(tmp_path: Path, seed: int) -> None:
    """Whichever page is overwritten, opening or checking the journal says so; wrong data is never called sound."""
    path, chance = tmp_path / "segue.db", random.Random(seed)
    await written(path, 2_000)
    data = bytearray(path.read_bytes())
    page = chance.randrange(1, len(data) // 4096)
    data[page * 4096 : page * 4096 + 512] = chance.randbytes(512)
    path.write_bytes(data)
    assert await problems(path) != []


async def copied_without_end_of_log(source: Path, target: Path, kept: float) -> Cursor:
    """Copy a journal of 1,000 events in use, and cut the copy's log to that part; the cursor after the last event."""
    make(source)
    # Its time stands still, so no checkpoint empties the log.
    async with SqliteJournal(source / "segue.db", clock=FakeClock()) as journal:
        for first in range(0, 1_000, 50):
            await journal.append(numbered(first, 50))
        shutil.copytree(source, target)
        head = await journal.head()
    cut(target / "segue.db-wal", kept)
    return head


def make(folder: Path) -> None:
    folder.mkdir()


def cut(log: Path, kept: float) -> None:
    os.truncate(log, int(log.stat().st_size * kept))
    log.with_name("segue.db-shm").unlink()


@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9])
async def test_a_lost_end_of_the_log_begins_a_new_epoch(tmp_path: Path, kept: float) -> None:
    """SQLite drops it without a word; the mark beside the database tells, an event says how much, old cursors reset."""
    before = await copied_without_end_of_log(tmp_path / "used", tmp_path / "copy", kept)

    async with SqliteJournal(tmp_path / "copy" / "segue.db") as journal:
        after = await journal.head()
        *left, truncated = await journal.read(limit=2_000)
        assert [event.payload["number"] for event in left] == list(range(len(left)))
        assert truncated.kind == "journal.truncated"
        assert truncated.payload == {"lost": before.seq - len(left)}
        assert (after.epoch, after.seq) == (before.epoch + 1, len(left) + 1)
        with pytest.raises(CursorReset, match="epoch"):
            await journal.check_cursor(before)
        assert await journal.check() == []


async def test_a_journal_that_was_all_in_a_lost_log_is_another_one(tmp_path: Path) -> None:
    """With the log of a young database all is gone, its name too: old cursors are told so."""
    before = await copied_without_end_of_log(tmp_path / "used", tmp_path / "copy", 0)
    async with SqliteJournal(tmp_path / "copy" / "segue.db") as journal:
        with pytest.raises(CursorReset, match="another journal"):
            await journal.check_cursor(before)
