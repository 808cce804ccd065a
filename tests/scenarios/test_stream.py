"""The stream with a journal on disk: servers that stop and start, clients that outlive them, cursors from before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from segue_events import Bus, Cursor, CursorReset, Event, Filter
from segue_events.journal.sqlite import SqliteJournal
from segue_events.stream import Reader, StreamServer, Writer, serve


@asynccontextmanager
async def server_of(path: Path, port: int = 0) -> AsyncIterator[StreamServer]:
    """Everything a server is made of, opened and closed together."""
    async with SqliteJournal(path) as journal, Bus(journal) as bus, serve(bus, port=port, token="t") as server:
        yield server


def publish(writer: Writer, *numbers: int) -> None:
    """Publish one numbered event each, of two kinds in turn."""
    for number in numbers:
        writer.publish(Event(kind="even.n" if number % 2 == 0 else "odd.n", payload={"n": number}))


async def collect(reader: Reader, count: int) -> list[Event]:
    """The next events of a reader, at least this many."""
    found: list[Event] = []
    with anyio.fail_after(20):
        while len(found) < count:
            found += await anext(reader)
    return found


async def test_a_server_that_stops_and_starts_on_its_port_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Twice: while nothing is on its way, and in the middle of everything."""
    path = tmp_path / "journal.db"
    async with server_of(path) as server:
        url, port = server.url, server.port

    async with Reader(url, after="start", token="t") as reader, Writer(url, token="t") as writer:
        async with server_of(path, port):
            publish(writer, *range(1000))
            found = await collect(reader, 1000)
        publish(writer, *range(1000, 3000))
        async with server_of(path, port):
            found += await collect(reader, 1)
        async with server_of(path, port):
            found += await collect(reader, 3000 - len(found))
            await writer.flushed()

    assert [event.seq for event in found] == list(range(1, 3001))
    assert [event.payload["n"] for event in found] == list(range(3000))
    async with SqliteJournal(path) as journal:
        assert [event.id for event in await journal.read(limit=5000)] == [event.id for event in found]


async def test_readers_with_different_filters_resume_where_each_was(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    async with server_of(path) as server:
        url, port = server.url, server.port
    even, odd = (Reader(url, after="start", token="t", filter=Filter(kinds=(kind,))) for kind in ("even.*", "odd.*"))

    async with even, odd, Writer(url, token="t") as writer:
        async with server_of(path, port):
            publish(writer, 0, 1, 2, 3)
            found = await collect(even, 2)
        async with server_of(path, port):
            publish(writer, 4, 5, 6)
            found += await collect(even, 2)
            others = await collect(odd, 3)

    assert [event.payload["n"] for event in found] == [0, 2, 4, 6]
    assert [event.payload["n"] for event in others] == [1, 3, 5]


async def test_a_cursor_older_than_what_is_kept_is_reset(tmp_path: Path) -> None:
    async with SqliteJournal(tmp_path / "journal.db") as journal, Bus(journal) as bus, serve(bus) as server:
        bus.publish_many([Event(kind="n", payload={"n": number}) for number in range(10)])
        await bus.flushed()
        await journal.delete_before(5)
        head = await journal.head()
        old, kept = (Cursor(journal=head.journal, epoch=head.epoch, seq=seq) for seq in (1, 4))

        with pytest.raises(CursorReset):
            await anext(Reader(server.url, after=old))
        for after, on_reset in ((old, "start"), (kept, "raise"), ("start", "raise")):
            async with Reader(server.url, after=after, on_reset=on_reset) as reader:
                assert [event.seq for event in await collect(reader, 6)] == [5, 6, 7, 8, 9, 10]


async def test_what_one_process_commits_is_streamed_by_another(tmp_path: Path) -> None:
    """Two buses on one file stand for two processes: each knows of the other's commits only through the file."""
    path = tmp_path / "journal.db"
    async with (
        server_of(path) as server,
        Reader(server.url, after="start", token="t") as reader,
        SqliteJournal(path) as journal,
        Bus(journal) as bus,
    ):
        bus.publish(Event(kind="from.elsewhere"))
        await bus.flushed()

        assert [event.kind for event in await collect(reader, 1)] == ["from.elsewhere"]
