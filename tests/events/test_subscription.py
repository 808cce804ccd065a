"""Subscriptions: in order, without a gap, none twice, however slow the subscriber."""

import asyncio
import random
from pathlib import Path

import anyio
import pytest

from segue_events import Bus, Cursor, CursorReset, Event, Filter, MemoryJournal, SqliteJournal, Subscription
from segue_events.testing import FailingJournal, Recorder, numbers


async def take(subscription: Subscription, count: int) -> list[Event]:
    """The next events, so many at least."""
    events: list[Event] = []
    with anyio.fail_after(20):
        while len(events) < count:
            events += await anext(subscription)
    return events


async def test_a_subscription_begins_with_what_comes() -> None:
    async with Bus(MemoryJournal()) as bus:
        bus.publish_many(numbers(3))
        await bus.flushed()
        async with bus.subscribe() as subscription:
            bus.publish_many(numbers(2))
            assert [event.seq for event in await take(subscription, 2)] == [4, 5]


async def test_a_subscription_resumes_after_its_cursor() -> None:
    """What it missed comes from the journal, then what is new."""
    async with Bus(MemoryJournal()) as bus:
        async with bus.subscribe() as subscription:
            bus.publish_many(numbers(3))
            await take(subscription, 3)
            cursor = subscription.cursor
        bus.publish_many(numbers(2_500))
        await bus.flushed()
        async with bus.subscribe(after=cursor) as subscription:
            bus.publish_many(numbers(10))
            assert [event.seq for event in await take(subscription, 2_510)] == list(range(4, 2_514))
            assert not subscription.statistics().behind


async def test_a_cursor_of_another_journal_is_reset() -> None:
    async with Bus(MemoryJournal()) as bus:
        with pytest.raises(CursorReset, match="another journal"):
            await bus.subscribe(after=Cursor("other", 1, 0)).__aenter__()
        assert bus.statistics().subscriptions == 0


async def test_a_slow_subscriber_reads_from_the_journal_and_misses_nothing() -> None:
    """Its mailbox is bounded; the bus does not wait for it."""
    async with Bus(MemoryJournal(), batch=1) as bus, bus.subscribe(limit=2) as subscription:
        bus.publish_many(numbers(5))
        await bus.flushed()
        full = subscription.statistics()
        assert (full.held, full.overflows, full.behind) == (2, 1, True)
        assert [event.seq for event in await take(subscription, 5)] == [1, 2, 3, 4, 5]
        bus.publish_many(numbers(1))
        assert [event.seq for event in await take(subscription, 1)] == [6]
        caught_up = subscription.statistics()
        assert (caught_up.held, caught_up.overflows, caught_up.behind, caught_up.delivered) == (0, 1, False, 6)


async def test_one_batch_may_be_larger_than_the_mailbox() -> None:
    """When it is empty: a bound on what waits, not on what a commit holds."""
    async with Bus(MemoryJournal()) as bus, bus.subscribe(limit=2) as subscription:
        bus.publish_many(numbers(50))
        await bus.flushed()
        assert subscription.statistics().overflows == 0
        assert len(await anext(subscription)) == 50


async def test_a_filter_chooses_and_the_cursor_moves_on_over_the_rest() -> None:
    """So that a rare event's subscriber does not fall out of retention."""
    async with Bus(MemoryJournal()) as bus, bus.subscribe(Filter(kinds=("a.*",))) as subscription:
        bus.publish_many([*numbers(3), Event(kind="a.b"), *numbers(3)])
        await bus.flushed()
        assert [event.seq for event in await anext(subscription)] == [4]
        assert subscription.cursor.seq == 7
        bus.publish_many(numbers(5))
        await bus.flushed()
        assert subscription.cursor.seq == 12


async def test_subscribers_with_equal_filters_are_given_the_same_batch() -> None:
    """So that it is encoded once."""
    async with (
        Bus(MemoryJournal()) as bus,
        bus.subscribe(Filter(kinds=("a.*",))) as left,
        bus.subscribe(Filter(kinds=("a.*",))) as right,
        bus.subscribe() as all_events,
    ):
        bus.publish_many([Event(kind="a.b"), *numbers(1)])
        await bus.flushed()
        assert (await anext(left)) is (await anext(right))
        assert len(await anext(all_events)) == 2


async def test_an_event_kept_before_is_not_delivered_again() -> None:
    """Publishing it twice is harmless; what is new in the same batch is delivered."""
    async with Bus(MemoryJournal()) as bus, Recorder(bus) as recorder:
        event = Event(kind="a.b", id="mine")
        bus.publish(event)
        await bus.flushed()
        bus.publish_many([Event(kind="a.b", id="mine"), Event(kind="a.c"), Event(kind="a.b", id="mine")])
        await bus.flushed()
        with anyio.fail_after(5):
            await recorder.next("a.c")
        assert [event.seq for event in recorder.events] == [1, 2]


async def test_a_bus_that_ends_ends_its_subscriptions() -> None:
    """After what their mailboxes hold."""
    bus = Bus(MemoryJournal())
    async with bus:
        subscription = await bus.subscribe().__aenter__()
        bus.publish_many(numbers(3))
    assert [event.seq async for batch in subscription for event in batch] == [1, 2, 3]
    assert subscription.cursor.seq == 3


async def test_leaving_a_subscription_ends_its_iteration() -> None:
    """Also one that waits at present."""
    async with Bus(MemoryJournal()) as bus:
        subscription = bus.subscribe()
        await subscription.__aenter__()
        waiting = asyncio.create_task(anext(subscription, None))
        await asyncio.sleep(0)
        await subscription.__aexit__()
        with anyio.fail_after(5):
            assert await waiting is None
        assert bus.statistics().subscriptions == 0


async def test_retention_past_a_slow_subscriber_is_told(tmp_path: Path) -> None:
    """Rather than leaving a gap."""
    async with (
        SqliteJournal(tmp_path / "j.db") as journal,
        Bus(journal, batch=1) as bus,
        bus.subscribe(limit=1) as subscription,
    ):
        bus.publish_many(numbers(10))
        await bus.flushed()
        assert [event.seq for event in await anext(subscription)] == [1]
        await journal.delete_before(5)
        with pytest.raises(CursorReset, match="events up to 4 are deleted"):
            await anext(subscription)


async def test_events_committed_while_a_page_is_read_come_once() -> None:
    """The turn from the journal back to the live events, held open by a gate."""

    class Gated(FailingJournal):
        def __init__(self) -> None:
            super().__init__(MemoryJournal())
            self.reading, self.go_on = asyncio.Event(), asyncio.Event()

        async def read(self, after: int = 0, filter: Filter | None = None, limit: int = 1000) -> list[Event]:
            page = await super().read(after, filter, limit)
            self.reading.set()
            await self.go_on.wait()
            return page

    journal = Gated()
    async with Bus(journal) as bus:
        start = await journal.head()
        bus.publish_many(numbers(3))
        await bus.flushed()
        async with bus.subscribe(after=start) as subscription:
            first = asyncio.create_task(anext(subscription))
            await journal.reading.wait()
            bus.publish_many(numbers(2))
            await bus.flushed()
            journal.go_on.set()
            assert [event.seq for event in await first] == [1, 2, 3]
            assert [event.seq for event in await take(subscription, 2)] == [4, 5]


@pytest.mark.parametrize("seed", range(10))
async def test_any_pace_of_reading_and_writing_delivers_everything_once(tmp_path: Path, seed: int) -> None:
    """Slow and fast subscribers, small mailboxes, another process writing in between."""
    draw = random.Random(seed)

    async def follow(bus: Bus, limit: int, kinds: tuple[str, ...], wanted: int) -> list[int]:
        seen: list[int] = []
        async with bus.subscribe(Filter(kinds=kinds) if kinds else None, start, limit) as subscription:
            async for batch in subscription:
                seen += [event.seq for event in batch]
                if len(seen) >= wanted:
                    return seen
                for _ in range(draw.randrange(20)):
                    await asyncio.sleep(0)
        return seen

    async with SqliteJournal(tmp_path / "j.db") as journal, SqliteJournal(tmp_path / "j.db") as other:
        start = await journal.head()
        async with Bus(journal, batch=draw.choice([1, 7, 100])) as bus:
            followers = [
                asyncio.create_task(follow(bus, limit, kinds, wanted))
                for limit in (1, 5, 1000)
                for kinds, wanted in (((), 600), (("number.told",), 400), (("other.said",), 200))
            ]
            for _ in range(100):
                bus.publish_many(numbers(4))
                await other.append([Event(kind="other.said") for _ in range(2)])
                for _ in range(draw.randrange(30)):
                    await asyncio.sleep(0)
            with anyio.fail_after(30):
                seen = await asyncio.gather(*followers)
        everything = await journal.read(limit=10_000)
        kinds = {event.seq: event.kind for event in everything}
        assert seen[0] == seen[3] == seen[6] == list(range(1, 601))
        assert seen[1] == seen[4] == seen[7] == [seq for seq in kinds if kinds[seq] == "number.told"]
        assert seen[2] == seen[5] == seen[8] == [seq for seq in kinds if kinds[seq] == "other.said"]


async def test_all_that_waits_can_be_taken_as_one_batch() -> None:
    async with MemoryJournal() as journal, Bus(journal) as bus, bus.subscribe() as subscription:
        for number in range(3):
            bus.publish(Event(kind="a.b", payload={"n": number}))
            await bus.flushed()
        first = await anext(subscription)
        rest = subscription.waiting()
        assert [event.payload["n"] for event in [*first, *rest]] == [0, 1, 2]
        assert subscription.cursor.seq == 3
        assert subscription.statistics().held == 0
        assert subscription.waiting() == []


async def test_a_subscription_that_begins_when_the_bus_has_ended_ends_at_once() -> None:
    async with MemoryJournal() as journal:
        async with Bus(journal) as bus:
            pass
        with anyio.fail_after(5):
            async with bus.subscribe() as subscription:
                assert [batch async for batch in subscription] == []
