"""Reading a stream over real sockets."""

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segue_events import Bus, Cursor, CursorReset, Event, Filter
from segue_events.clock import SystemClock
from segue_events.journal.memory import MemoryJournal
from segue_events.stream import Limits, Reader, StreamRefused, read, serve

OTHER_JOURNAL = "0190a0b0-0000-7000-8000-000000000000"


async def publish(bus: Bus, count: int, kind: str = "test.happened") -> None:
    """Commit this many events."""
    for number in range(count):
        bus.publish(Event(kind=kind, payload={"n": number}))
    await bus.flushed()


async def seqs(reader: Reader, through: int) -> list[int]:
    """The seqs a reader hands out, up to and with this one."""
    found: list[int] = []
    with anyio.fail_after(10):
        async for batch in reader:
            found += [event.seq for event in batch]
            if found[-1] >= through:
                break
    return found


async def test_two_readers_with_different_filters_each_get_their_own() -> None:
    async with (
        MemoryJournal() as journal,
        Bus(journal) as bus,
        serve(bus) as server,
        Reader(server.url, after="start", filter=Filter(kinds=("a.*",))) as first,
        Reader(server.url, after="start", filter=Filter(kinds=("!a.*",))) as second,
    ):
        for kind in ("a.x", "b.x", "a.y", "b.y"):
            await publish(bus, 1, kind)

        assert await seqs(first, through=3) == [1, 3]
        assert await seqs(second, through=4) == [2, 4]


async def test_what_is_read_is_what_was_published() -> None:
    event = Event(kind="test.é", run="r", subject="s", payload={"deep": [1, {"a": None}], "text": "\u2028\x00"})
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        bus.publish(event)
        await bus.flushed()

        async for batch in read(server.url, after="start"):
            assert batch == await journal.read()
            assert (batch[0].payload, batch[0].id) == (event.payload, event.id)
            break


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 40), part=st.floats(0, 1))
async def test_every_cursor_resumes_with_the_exact_suffix(count: int, part: float) -> None:
    after = round(part * (count - 1))
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, limits=Limits(max_frame=500)) as server:
        await publish(bus, count)
        head = await journal.head()
        cursor = Cursor(journal=head.journal, epoch=head.epoch, seq=after)

        async with Reader(server.url, after=cursor) as reader:
            assert await seqs(reader, through=count) == list(range(after + 1, count + 1))
            assert reader.cursor == head


async def test_a_cursor_at_the_head_waits_for_the_next_event() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        await publish(bus, 3)
        async with Reader(server.url, after=await journal.head()) as reader, anyio.create_task_group() as group:
            group.start_soon(publish, bus, 1)

            assert await seqs(reader, through=4) == [4]


class Impatient(SystemClock):
    """A clock on which nobody waits."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(0)


class WhileAway(SystemClock):
    """A clock on which one event is committed whenever a reader waits to connect again."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus

    async def sleep(self, seconds: float) -> None:
        await publish(self.bus, 1)


def bad_cursors(head: Cursor) -> dict[str, str]:
    """One cursor of each kind that cannot be followed."""
    return {
        "future": str(Cursor(journal=head.journal, epoch=head.epoch, seq=head.seq + 1)),
        "journal": str(Cursor(journal=OTHER_JOURNAL, epoch=head.epoch, seq=0)),
        "epoch": str(Cursor(journal=head.journal, epoch=head.epoch + 1, seq=0)),
        "negative": f"{head.journal}:{head.epoch}:-1",
        "garbage": "garbage",
    }


@pytest.mark.parametrize("kind", ["future", "journal", "epoch", "negative", "garbage"])
async def test_a_cursor_that_cannot_be_followed_is_reset_with_a_reason(kind: str) -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        await publish(bus, 3)
        bad = bad_cursors(await journal.head())[kind]

        async with Reader(server.url, after=bad) as reader:
            with pytest.raises(CursorReset) as reset:
                await anext(reader)
            assert reset.value.reason
        async with Reader(server.url, after=bad, on_reset="start") as reader:
            assert await seqs(reader, through=3) == [1, 2, 3]
        async with Reader(server.url, after=bad, on_reset="now", clock=WhileAway(bus)) as reader:
            assert await seqs(reader, through=4) == [4]


@pytest.mark.parametrize("token", [None, "wrong", "tökén"])
async def test_a_wrong_token_is_an_error_at_once(token: str | None) -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, token="right") as server:
        reader = Reader(server.url, token=token)
        with pytest.raises(StreamRefused, match="token"):
            await anext(reader)
        assert reader.connections == 1
        await reader.aclose()


async def test_an_address_that_is_no_stream_is_an_error_at_once() -> None:
    for url in ("http://127.0.0.1/", "nonsense"):
        with pytest.raises(StreamRefused):
            await anext(Reader(url))


async def test_a_host_the_server_does_not_know_is_an_error_with_its_reason() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        with pytest.raises(StreamRefused, match="Host is not served here"):
            await anext(Reader(f"ws://127.1:{server.port}/"))


async def test_a_reader_that_was_too_slow_resumes_where_it_was() -> None:
    """It is asleep while more is sent than buffers hold; the server hangs up on it, and forgets nothing."""
    limits = Limits(stall_seconds=0.05, closing_seconds=0.05)
    async with (
        MemoryJournal() as journal,
        Bus(journal) as bus,
        serve(bus, limits=limits) as server,
        Reader(server.url, after="start") as reader,
    ):
        await reader.connect()
        bus.publish_many([Event(kind="big", payload={"x": "y" * 100_000}) for _ in range(300)])
        with anyio.fail_after(20):
            await server.wait_clients(0)

        assert await seqs(reader, through=300) == list(range(1, 301))
        assert reader.connections > 1


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(0, 4000), max_size=4))
async def test_connections_cut_anywhere_lose_nothing_and_double_nothing(relay, cuts: list[int]) -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus, limits=Limits(max_frame=300)) as server:
        await publish(bus, 30)
        async with relay(server.port, cuts) as url, Reader(url, after="start", clock=Impatient()) as reader:
            assert await seqs(reader, through=30) == list(range(1, 31))


async def test_a_connected_reader_misses_nothing_from_then_on() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        await publish(bus, 2)
        async with Reader(server.url) as reader:
            await reader.connect()
            assert reader.cursor == await journal.head()
            await publish(bus, 2)

            assert await seqs(reader, through=4) == [3, 4]


async def test_a_closed_reader_ends() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, serve(bus) as server:
        await publish(bus, 1)
        async with Reader(server.url, after="start") as reader:
            await anext(reader)
        with pytest.raises(StopAsyncIteration):
            await anext(reader)
