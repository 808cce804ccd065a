"""Writing to a stream over real sockets."""

import math
import threading
from contextlib import suppress

import anyio
import pytest

from segue_events import Bus, Event, PayloadError
from segue_events.journal.memory import MemoryJournal
from segue_events.stream import (
    EventTooLarge,
    Limits,
    SpoolFull,
    StreamRefused,
    Unacknowledged,
    Writer,
    WriterClosed,
    serve,
)

NOBODY = "ws://127.0.0.1:9/"


async def test_published_events_are_committed_in_order_before_flushed_returns() -> None:
    async with (
        MemoryJournal() as journal,
        Bus(journal) as bus,
        serve(bus, token="t") as server,
        Writer(server.url, token="t") as writer,
    ):
        events = [Event(kind="test.happened", payload={"n": number}) for number in range(2500)]
        for event in events:
            writer.publish(event)
        with anyio.fail_after(10):
            await writer.flushed()

        stored = await journal.read(limit=5000)
        assert [event.id for event in stored] == [event.id for event in events]
        assert [event.payload["n"] for event in stored] == list(range(2500))
        assert stored[0].occurred > 0
        assert (writer.statistics().acknowledged, writer.statistics().held_bytes) == (2500, 0)


async def test_threads_may_publish_and_leaving_waits_for_the_last() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        async with Writer(server.url) as writer:

            def work() -> None:
                for _ in range(200):
                    writer.publish(Event(kind="test.happened"))

            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                await anyio.to_thread.run_sync(thread.join)

        assert (await journal.head()).seq == 600


async def test_an_event_that_cannot_be_sent_is_told_to_its_publisher() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        async with Writer(server.url) as writer:
            with pytest.raises(PayloadError):
                writer.publish(Event(kind="bad", payload={"n": math.nan}))
            with pytest.raises(EventTooLarge):
                writer.publish(Event(kind="bad", payload={"n": "x" * 1024 * 1024}))
            writer.publish(Event(kind="good"))

        assert [event.kind for event in await journal.read()] == ["good"]


async def test_the_spool_is_bounded_and_what_was_not_sent_is_told() -> None:
    writer = Writer(NOBODY, spool_bytes=1000, closing_seconds=0.05)
    with pytest.raises(Unacknowledged, match="cannot be reached") as lost:
        await fill(writer)

    assert writer.statistics().refused == 1
    assert lost.value.events == writer.statistics().published > 0


async def fill(writer: Writer) -> None:
    """Publish until the spool is full."""
    async with writer:
        with suppress(SpoolFull):
            while True:
                writer.publish(Event(kind="test.happened"))


async def test_events_published_before_there_is_a_server_arrive() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus:
        async with serve(bus) as server:
            port = server.port
        async with Writer(f"ws://127.0.0.1:{port}/") as writer:
            writer.publish(Event(kind="early"))
            async with serve(bus, port=port):
                with anyio.fail_after(10):
                    await writer.flushed()

        assert [event.kind for event in await journal.read()] == ["early"]


@pytest.mark.parametrize("cut", [0, 50, 129, 200, 400, 420, 700])
async def test_batches_whose_acknowledgement_was_lost_are_stored_once(relay, cut: int) -> None:
    """The connection ends after so many bytes from the server: in its handshake, its welcome, or an acknowledgement."""
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, limits=Limits(max_frame=2048)) as server:
        async with relay(server.port, [cut, cut]) as url, Writer(url) as writer:
            events = [Event(kind="test.happened") for _ in range(100)]
            for event in events:
                writer.publish(event)
            with anyio.fail_after(10):
                await writer.flushed()

        assert [event.id for event in await journal.read()] == [event.id for event in events]


async def test_a_wrong_token_ends_the_writer_with_the_reason() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, token="right") as server:
        with pytest.raises(Unacknowledged, match="token"):
            await be_refused(Writer(server.url, token="wröng"))

        assert await journal.read() == []


async def be_refused(writer: Writer) -> None:
    """Publish with a token that is not the right one."""
    async with writer:
        writer.publish(Event(kind="lost"))
        with anyio.fail_after(5), pytest.raises(StreamRefused):
            await writer.flushed()
        with pytest.raises(StreamRefused):
            writer.publish(Event(kind="lost"))


async def test_batches_fit_into_a_server_that_takes_little() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, limits=Limits(max_frame=4096)) as server:
        async with Writer(server.url) as writer:
            for number in range(300):
                writer.publish(Event(kind="test.happened", payload={"n": number}))

        assert [event.payload["n"] for event in await journal.read()] == list(range(300))


async def test_a_closed_writer_says_so() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        async with Writer(server.url) as writer:
            pass
        with pytest.raises(WriterClosed):
            writer.publish(Event(kind="late"))
