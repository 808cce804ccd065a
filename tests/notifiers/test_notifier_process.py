"""How the notifier's process ends, and what it makes of URLs."""

from pathlib import Path
from random import Random

import anyio

from segue.notify.lock import NotifierLock
from segue.notify.process import RULE, channels_of, tell_and_unlock
from segue_events import Bus, Event
from segue_events.journal.memory import MemoryJournal
from segue_events.testing import FakeClock
from segue_notifiers import AppriseChannel, Attempts, Delivery, LogChannel, Notifier, Source
from segue_notifiers.testing import MemoryChannel, MemoryCursors


class Surprised(Notifier):
    """A failure is committed after its lanes have stopped, and before the last look."""

    bus: Bus
    surprises = 1

    async def pending(self, source: Source) -> bool:
        if self.surprises:
            self.surprises -= 1
            self.bus.publish(Event(kind="flow-run.failed", run="late", subject="late", occurred=10**18))
            await self.bus.flushed()
        return await super().pending(source)


async def end(channel: MemoryChannel, lock: NotifierLock) -> None:
    """Let a notifier come to its end, with a failure in the last moment."""
    clock = FakeClock()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus, anyio.create_task_group() as group:
        delivery = Delivery(bus.publish, clock, Attempts(), Random())
        notifier = Surprised(RULE, [channel], delivery=delivery, cursors=MemoryCursors(), clock=clock)
        notifier.bus = bus
        group.start_soon(tell_and_unlock, notifier, Source(journal, bus, await journal.head()), lock, 5)
        await clock.advance(30)


async def test_a_failure_in_the_last_moment_is_told(tmp_path: Path) -> None:
    channel = MemoryChannel()
    with NotifierLock.open(tmp_path / "lock") as lock:
        assert lock.acquire()

        await end(channel, lock)

    assert [message.about for message in channel.messages] == ["late"]


async def test_a_failure_in_the_last_moment_is_left_to_the_notifier_its_engine_has_started(tmp_path: Path) -> None:
    class Taken(NotifierLock):
        def release(self) -> None:
            super().release()
            assert other.acquire()

    channel = MemoryChannel()
    with NotifierLock.open(tmp_path / "lock") as other, Taken.open(tmp_path / "lock") as lock:
        assert lock.acquire()

        await end(channel, lock)

    assert channel.messages == []


def test_a_lock_is_one_holder_s(tmp_path: Path) -> None:
    with NotifierLock.open(tmp_path / "lock") as first, NotifierLock.open(tmp_path / "lock") as second:
        assert first.acquire()
        assert not second.acquire()
        first.release()
        assert second.acquire()


def test_channels_are_named_by_their_schemes_and_numbers() -> None:
    channels = channels_of(["slack://a/b/c", "log://", "SLACK://d/e/f", "t0ken"])

    assert [channel.name for channel in channels] == ["slack-1", "log-1", "slack-2", "url-1"]
    assert [type(channel) for channel in channels] == [AppriseChannel, LogChannel, AppriseChannel, AppriseChannel]
