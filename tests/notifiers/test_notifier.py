"""From an event in the journal to a message at every channel."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from segue_events import Bus, Cursor, Event, Filter
from segue_events.journal.memory import MemoryJournal
from segue_events.testing import FakeClock
from segue_notifiers import Attempts, Channel, Cursors, Delivery, Notifier, Rule, Source, Subject
from segue_notifiers.testing import MemoryChannel, MemoryCursors

RULE = Rule(name="failures", filter=Filter(kinds=("flow-run.failed", "task-run.failed")))


class House:
    """A journal, its bus, and notifiers upon them."""

    def __init__(self, clock: FakeClock, journal: MemoryJournal, bus: Bus) -> None:
        self.clock = clock
        self.journal = journal
        self.bus = bus
        self.cursors = MemoryCursors()
        self.start = Cursor("", 0, 0)

    @property
    def source(self) -> Source:
        return Source(self.journal, self.bus, self.start)

    async def happen(self, *events: Event) -> None:
        for event in events:
            event.occurred = event.occurred or self.clock.now_us()
            self.bus.publish(event)
        await self.bus.flushed()

    def notifier(self, *channels: Channel, cursors: Cursors | None = None, **options: object) -> Notifier:
        delivery = Delivery(self.bus.publish, self.clock, Attempts(most=2, first_delay=0, timeout=0.01), Random())
        return Notifier(RULE, channels, delivery=delivery, cursors=cursors or self.cursors, clock=self.clock, **options)

    async def tell(self, notifier: Notifier) -> None:
        """Run until idle, while the time passes; a channel that hangs takes real time too."""
        running = asyncio.create_task(notifier.run(self.source, idle=5))
        while not running.done():
            await self.clock.advance(1)
        await running


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = FakeClock()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus:
        house = House(clock, journal, bus)
        house.start = await journal.head()
        yield house


def failed(run: str, kind: str = "flow-run.failed", subject: str = "") -> Event:
    return Event(kind=kind, run=run, subject=subject or run)


def told(channel: MemoryChannel) -> list[str]:
    return [message.about for message in channel.messages]


async def test_a_failure_is_told_to_every_channel_and_that_is_an_event(house: House) -> None:
    first, second = MemoryChannel("slack-1"), MemoryChannel("mailto-1")
    await house.happen(failed("r1"), Event(kind="flow-run.completed", run="r2", subject="r2"))

    await house.tell(house.notifier(first, second))

    assert told(first) == told(second) == ["r1"]
    sent = await house.journal.read(0, Filter(kinds=("notification.*",)))
    assert sorted((event.kind, event.payload["channel"]) for event in sent) == [
        ("notification.sent", "mailto-1"),
        ("notification.sent", "slack-1"),
    ]


async def test_a_channel_that_hangs_delays_no_other_and_not_the_end(house: House) -> None:
    hanging, quick = MemoryChannel("slow-1", hangs=True), MemoryChannel("quick-1")
    await house.happen(failed("r1"), failed("r2"), failed("r3"))

    await house.tell(house.notifier(hanging, quick))

    assert told(quick) == ["r1", "r2", "r3"]
    assert hanging.attempts == 6


async def test_what_failed_before_the_start_is_not_told(house: House) -> None:
    channel = MemoryChannel()
    await house.happen(failed("old"))
    house.start = await house.journal.head()
    await house.happen(failed("new"))

    await house.tell(house.notifier(channel))

    assert told(channel) == ["new"]


async def test_another_start_goes_on_where_the_last_one_stopped(house: House) -> None:
    """Also with what happened in between, wherever it is told to begin."""
    channel = MemoryChannel()
    await house.happen(failed("r1"))
    await house.tell(house.notifier(channel))
    await house.happen(failed("r2"), failed("r3"))
    house.start = await house.journal.head()

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1", "r2", "r3"]


async def test_killed_before_the_cursor_is_kept_one_message_comes_again_with_the_same_id(house: House) -> None:
    class Killed(MemoryCursors):
        async def put(self, lane: str, cursor: Cursor) -> None:
            if cursor.seq > second.seq - 1:
                raise ConnectionAbortedError
            await super().put(lane, cursor)

    channel, cursors, second = MemoryChannel(), Killed(), failed("r2")
    await house.happen(failed("r1"), second)
    with pytest.RaisesGroup(ConnectionAbortedError, flatten_subgroups=True):
        await house.tell(house.notifier(channel, cursors=cursors))
    house.cursors.cursors = cursors.cursors

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1", "r2", "r2"]
    assert channel.messages[1].id == channel.messages[2].id


async def test_the_channels_of_one_notifier_have_cursors_of_their_own(house: House) -> None:
    first, second = MemoryChannel("slack-1"), MemoryChannel("mailto-1")
    await house.happen(failed("r1"))
    await house.tell(house.notifier(first))

    await house.tell(house.notifier(first, second))

    assert told(first) == told(second) == ["r1"]


async def test_a_cursor_the_journal_cannot_follow_begins_anew(house: House) -> None:
    channel = MemoryChannel()
    house.cursors.cursors["memory"] = Cursor("0193f3a0-0000-7000-8000-00000000000b", 1, 7)
    await house.happen(failed("r1"))

    await house.tell(house.notifier(channel))

    assert told(channel) == ["r1"]


async def test_parts_are_not_told(house: House) -> None:
    async def describe(event: Event) -> Subject:
        return Subject(noun="flow run", name=event.subject, parent="t" if event.subject == "child" else "")

    channel = MemoryChannel()
    await house.happen(failed("root", "task-run.failed", "t"), failed("child"), failed("root"))

    await house.tell(house.notifier(channel, describe=describe))

    assert told(channel) == ["root"]


async def test_a_subject_that_cannot_be_described_is_told_of_by_its_id(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    async def describe(event: Event) -> Subject:
        raise LookupError(event.subject)

    channel = MemoryChannel()
    await house.happen(failed("r1"))

    await house.tell(house.notifier(channel, describe=describe))

    assert channel.messages[0].title == "Flow run r1 failed"
    assert "cannot be described" in caplog.text


async def test_what_comes_after_the_end_is_pending(house: House) -> None:
    notifier = house.notifier(MemoryChannel())
    await house.happen(failed("r1"))
    await house.tell(notifier)
    assert not await notifier.pending(house.source)

    await house.happen(failed("r2"))

    assert await notifier.pending(house.source)


async def test_what_comes_while_it_waits_puts_off_the_end(house: House) -> None:
    channel = MemoryChannel()
    running = asyncio.create_task(house.notifier(channel).run(house.source, idle=5))
    await house.clock.advance(4)
    await house.happen(failed("r1"))
    await house.clock.advance(4)
    assert not running.done()

    await house.clock.advance(10)

    await running
    assert told(channel) == ["r1"]
