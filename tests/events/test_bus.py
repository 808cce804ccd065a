"""The bus: published from anywhere, committed in batches, delivered after the commit."""

import asyncio
import math
import threading
from concurrent.futures import Future
from pathlib import Path

import anyio
import pytest

from segue_events import (
    Bus,
    BusClosed,
    Event,
    Filter,
    JournalError,
    JournalFull,
    MemoryJournal,
    PayloadError,
    SqliteJournal,
    SystemClock,
)
from segue_events.testing import FailingJournal, FakeClock, Recorder, numbers


async def test_what_is_published_is_committed_and_delivered() -> None:
    """The very object, with its id, instant and seq."""
    clock = FakeClock()
    async with Bus(MemoryJournal(), clock) as bus, Recorder(bus) as recorder:
        event = Event(kind="a.b", payload={"x": 1})
        bus.publish(event)
        with anyio.fail_after(5):
            delivered = await recorder.next("a.b")
        assert delivered is event
        assert (event.seq, event.occurred, len(event.id)) == (1, clock.now_us(), 36)


async def test_flushed_waits_for_the_commit() -> None:
    """Of all that was published before, and of nothing more."""
    journal = MemoryJournal()
    async with Bus(journal) as bus:
        bus.publish_many(numbers(5_000))
        assert bus.backlog == 5_000
        await bus.flushed()
        assert (await journal.head()).seq == 5_000
        assert (bus.backlog, bus.statistics().committed) == (0, 5_000)
        assert bus.flush().result(timeout=5) == 5_000


async def test_threads_publish_and_wait_without_a_loop(tmp_path: Path) -> None:
    """Each sees its own events durable, in the order in which it published them."""
    async with SqliteJournal(tmp_path / "j.db") as journal, Bus(journal) as bus:
        failures: list[BaseException] = []

        def work(name: str) -> None:
            try:
                for n in range(50):
                    bus.publish(Event(kind="number.told", subject=name, payload={"n": n}))
                    if n % 10 == 9:
                        assert bus.flush().result(timeout=30) >= n
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])
        assert failures == []
        events = await journal.read()
        assert [event.seq for event in events] == list(range(1, 401))
        for n in range(8):
            assert [e.payload["n"] for e in events if e.subject == f"thread {n}"] == list(range(50))


async def test_what_is_queued_together_is_committed_together() -> None:
    """In batches of at most the bus's size."""
    journal = FailingJournal(MemoryJournal())
    async with Bus(journal, batch=100) as bus:
        bus.publish_many(numbers(250))
        await bus.flushed()
        assert journal.batches == [100, 100, 50]


async def test_what_comes_during_a_commit_is_in_the_next() -> None:
    """However many waited for it."""
    journal = FailingJournal(MemoryJournal())
    async with Bus(journal) as bus:
        journal.hold()
        bus.publish(Event(kind="a.b"))
        first = bus.flush()
        await journal.held()
        bus.publish_many(numbers(10))
        others = [bus.flush() for _ in range(5)]
        journal.release()
        assert [await asyncio.wrap_future(future) for future in [first, *others]] == [1, 11, 11, 11, 11, 11]
        assert journal.batches == [1, 10]


async def test_a_payload_that_cannot_be_kept_is_refused_at_once() -> None:
    """And nothing else is held up; of several, none is taken."""
    async with Bus(MemoryJournal()) as bus:
        with pytest.raises(PayloadError, match=r"\$\.x"):
            bus.publish(Event(kind="a.b", payload={"x": math.nan}))
        with pytest.raises(PayloadError, match=r"\$\.x"):
            bus.publish_many([*numbers(3), Event(kind="a.b", payload={"x": math.nan})])
        bus.publish_many([])
        bus.publish(Event(kind="a.b"))
        await bus.flushed()
        assert bus.statistics().committed == 1


async def test_leaving_the_bus_commits_what_is_queued() -> None:
    """Whatever raises inside."""
    journal = MemoryJournal()

    async def leave_by_error() -> None:
        async with Bus(journal) as bus:
            bus.publish_many(numbers(10))
            raise LookupError

    with pytest.raises(LookupError):
        await leave_by_error()
    assert (await journal.head()).seq == 10


async def test_a_cancelled_bus_commits_what_is_queued() -> None:
    """Cancellation ends the wait, not the promise."""
    journal = MemoryJournal()
    with anyio.CancelScope() as scope:
        async with Bus(journal) as bus:
            bus.publish_many(numbers(10))
            scope.cancel()
            await asyncio.sleep(60)
    assert (await journal.head()).seq == 10


async def test_a_writer_that_is_killed_promises_nothing() -> None:
    """As when the loop's owner cancels all tasks: who waits is told that it failed."""
    journal = FailingJournal(MemoryJournal())
    bus = await Bus(journal).__aenter__()
    journal.hold()
    bus.publish(Event(kind="a.b"))
    waiting = bus.flush()
    await journal.held()
    next(task for task in asyncio.all_tasks() if task.get_name() == "bus-writer").cancel()
    with pytest.raises(JournalError, match="stopped before it had written all"):
        await asyncio.wrap_future(waiting)
    with pytest.raises(BusClosed):
        bus.publish(Event(kind="a.b"))
    with pytest.raises(JournalError):
        await bus.flushed()


async def test_a_batch_is_bounded_in_bytes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large payloads are committed in several turns."""
    monkeypatch.setattr("segue_events.bus._BATCH_BYTES", 1_000)
    journal = FailingJournal(MemoryJournal())
    async with Bus(journal) as bus:
        bus.publish_many([Event(kind="a.b", payload={"text": "x" * 400}) for _ in range(7)])
        await bus.flushed()
        assert journal.batches == [3, 3, 1]


async def test_a_closed_bus_takes_nothing() -> None:
    """Waiting for what it committed is no error."""
    async with Bus(MemoryJournal()) as bus:
        bus.publish(Event(kind="a.b"))
    with pytest.raises(BusClosed, match=r"'a\.b' was not taken"):
        bus.publish(Event(kind="a.b"))
    with pytest.raises(BusClosed):
        bus.publish_many(numbers(2))
    assert bus.flush().result(timeout=5) == 1


async def test_a_bus_can_be_published_to_before_it_runs() -> None:
    """The events wait."""
    journal = MemoryJournal()
    bus = Bus(journal)
    bus.publish(Event(kind="a.b"))
    async with bus:
        await bus.flushed()
    assert (await journal.head()).seq == 1


# --- a journal that fails ---


async def test_a_failed_commit_is_tried_again_and_heals() -> None:
    """Nothing is lost or written twice; who waits is told at once, and so is who asks later."""
    clock, journal = FakeClock(), FailingJournal(MemoryJournal())
    async with Bus(journal, clock) as bus, Recorder(bus) as recorder:
        clock.watch(journal)
        journal.fail()
        bus.publish_many(numbers(3))
        with pytest.raises(JournalFull):
            await bus.flushed()
        assert isinstance(bus.failure, JournalFull)
        assert isinstance(bus.flush().exception(timeout=5), JournalFull)
        bus.publish(Event(kind="a.b"))
        assert bus.backlog == 4
        await clock.advance(60)
        assert (recorder.events, journal.appends > 10) == ([], True)

        journal.heal()
        await clock.advance(10)
        await bus.flushed()
        assert bus.failure is None
        assert [event.seq for event in recorder.events] == [1, 2, 3, 4]


async def test_delays_between_attempts_grow() -> None:
    """Up to five seconds or so, so that a full disk is not hammered."""
    clock, journal = FakeClock(), FailingJournal(MemoryJournal())
    attempts: list[float] = []
    bus = Bus(journal, clock)
    async with bus:
        journal.fail()
        bus.publish(Event(kind="a.b"))
        with pytest.raises(JournalFull):
            await bus.flushed()
        for _ in range(200):
            await clock.advance(0.1)
            attempts.append(journal.appends)
        assert 8 <= attempts[-1] <= 14
        journal.heal()


async def test_leaving_while_the_journal_fails_tries_once_more_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """The error is the journal's."""
    journal = FailingJournal(MemoryJournal())
    bus = await Bus(journal, FakeClock()).__aenter__()
    journal.fail()
    bus.publish(Event(kind="a.b"))
    with pytest.raises(JournalFull):
        await bus.flushed()
    with pytest.raises(JournalFull):
        await bus.__aexit__()
    assert "1 events that it could not write are lost" in caplog.text
    assert journal.appends == 2
    assert isinstance(bus.flush().exception(timeout=5), JournalFull)


async def test_any_other_error_of_a_journal_is_wrapped() -> None:
    """The bus lives on."""
    clock, journal = FakeClock(), FailingJournal(MemoryJournal())
    async with Bus(journal, clock) as bus:
        journal.fail(LookupError("no such table"))
        bus.publish(Event(kind="a.b"))
        with pytest.raises(JournalError, match="no such table"):
            await bus.flushed()
        journal.heal()
        await clock.advance(10)
        await bus.flushed()


async def test_who_no_longer_waits_is_not_told() -> None:
    """A future that was cancelled stays so."""
    journal = FailingJournal(MemoryJournal())
    async with Bus(journal) as bus:
        journal.hold()
        bus.publish(Event(kind="a.b"))
        gone: Future[int] = bus.flush()
        assert gone.cancel()
        journal.release()
        await bus.flushed()
        assert gone.cancelled()


# --- batches and time ---


async def test_a_lone_event_is_committed_without_anybody_waiting() -> None:
    """Publishing wakes an idle writer."""
    journal = MemoryJournal()
    async with Bus(journal) as bus, Recorder(bus) as recorder:
        for _ in range(3):
            bus.publish(Event(kind="a.b"))
            with anyio.fail_after(5):
                await recorder.next("a.b")


async def test_a_long_linger_gathers_events_and_a_flush_ends_it() -> None:
    """Who waits for a commit does not wait for more events."""
    journal = FailingJournal(MemoryJournal())
    async with Bus(journal, linger=3600) as bus:
        bus.publish(Event(kind="a.b"))
        await bus.flushed()
        for event in numbers(10):
            bus.publish(event)
            await asyncio.sleep(0.001)
        assert journal.batches == [1]
        with anyio.fail_after(5):
            await bus.flushed()
        assert journal.batches == [1, 10]
        bus.publish(Event(kind="a.b"))


# --- other processes ---


async def test_what_another_process_commits_is_delivered_in_order(tmp_path: Path) -> None:
    """Between this one's own, with no gap; both hear the same."""
    async with (
        SqliteJournal(tmp_path / "j.db") as left,
        SqliteJournal(tmp_path / "j.db") as right,
        Bus(left) as left_bus,
        Bus(right) as right_bus,
        Recorder(left_bus) as left_heard,
        Recorder(right_bus) as right_heard,
    ):
        for n in range(200):
            left_bus.publish(Event(kind="left.said", payload={"n": n}))
            right_bus.publish(Event(kind="right.said", payload={"n": n}))
            if n % 7 == 0:
                await left_bus.flushed()
        await left_bus.flushed()
        await right_bus.flushed()
        with anyio.fail_after(20):
            await left_heard.until(400)
            await right_heard.until(400)
        assert [event.seq for event in left_heard.events] == list(range(1, 401))
        assert [event.id for event in left_heard.events] == [event.id for event in right_heard.events]
        assert [e.payload["n"] for e in left_heard.events if e.kind == "right.said"] == list(range(200))


async def test_of_what_another_process_commits_only_what_somebody_wants_is_read(tmp_path: Path) -> None:
    """Each subscriber gets its own kinds, one that comes later too, and all come as far as the journal."""
    async with (
        SqliteJournal(tmp_path / "j.db") as theirs,
        SqliteJournal(tmp_path / "j.db") as ours,
        Bus(ours) as bus,
        bus.subscribe(Filter(kinds=("a.*", "!a.no"))) as some,
    ):
        await theirs.append([Event(kind=kind) for kind in ("a.yes", "b.yes", "a.no", "c.yes")])
        with anyio.fail_after(20):
            assert [event.kind for event in await anext(some)] == ["a.yes"]
        async with bus.subscribe(Filter(kinds=("b.yes",)), after=some.cursor) as others:
            await theirs.append([Event(kind=kind) for kind in ("b.yes", "c.yes", "a.yes", "c.yes")])
            with anyio.fail_after(20):
                assert [event.seq for event in await anext(some)] == [7]
                assert [event.seq for event in await anext(others)] == [5]
                while bus.position.seq < 8:
                    await anyio.lowlevel.checkpoint()


async def test_a_bus_upon_a_journal_for_reading_only_delivers(tmp_path: Path) -> None:
    """What was committed after the subscription began."""
    async with SqliteJournal(tmp_path / "j.db") as journal, Bus(journal) as writing:
        writing.publish_many(numbers(3))
        await writing.flushed()
        reader = SqliteJournal(tmp_path / "j.db", read_only=True)
        async with reader, Bus(reader) as reading, Recorder(reading, Filter(kinds=("a.*",))) as recorder:
            writing.publish_many([*numbers(3), Event(kind="a.b")])
            with anyio.fail_after(5):
                assert (await recorder.next()).seq == 7


async def test_a_journal_that_cannot_be_read_does_not_stop_the_writer(caplog: pytest.LogCaptureFixture) -> None:
    """Its subscriber is told; commits go on."""

    class Unreadable(FailingJournal):
        broken = False

        async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
            if self.broken:
                raise JournalError("The journal cannot be read; a test says so.")
            return await super().read(after, filter, limit)

    memory = MemoryJournal()
    journal = Unreadable(memory)
    async with Bus(journal, SystemClock()) as bus, bus.subscribe() as subscription:
        await memory.append(numbers(1))
        journal.broken = True
        bus.publish(Event(kind="a.b"))
        await bus.flushed()
        with pytest.raises(JournalError, match="cannot be read"):
            await anext(subscription)
        journal.broken = False
        assert [event.seq for event in await anext(subscription)] == [1, 2]
        assert "could not be read" in caplog.text
