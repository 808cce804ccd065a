"""Targets that are down, slow, or cut off: every message arrives, once, and no target waits for another."""

import asyncio
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random

import anyio.to_thread
import pytest

from segue_events import Bus, Cursor, Event, Filter, MemoryJournal, SqliteJournal
from segue_events.testing import FakeClock
from segue_notifiers import (
    Match,
    MemoryState,
    Notifier,
    Policy,
    Rate,
    Reactive,
    Route,
    Rule,
    Source,
    Target,
    channel_of,
)
from segue_notifiers.testing import Answer, Receiver

FAILURES = Rule(name="failures", when=Reactive(on=Match(kinds=("flow-run.failed",))))
PLENTY = Rate(most=1000, per=1)
LOOPBACK = Policy(allow=("127.0.0.1",))


class House:
    """A journal on a clock that the test moves; a notifier, whose targets are real servers."""

    def __init__(self, clock: FakeClock, journal: MemoryJournal, bus: Bus, group: asyncio.TaskGroup) -> None:
        self.clock, self.journal, self.bus = clock, journal, bus
        self._group = group
        self.running: asyncio.Task[None] | None = None

    async def notify(self, *receivers: Receiver, rate: Rate = PLENTY, idle: float | None = None) -> None:
        """Start a notifier whose targets are these."""
        routes = [
            Route(channel=channel_of(self._target(receiver), LOOPBACK, self.clock), rate=rate, timeout=10)
            for receiver in receivers
        ]
        notifier = Notifier([FAILURES], routes, state=MemoryState(), clock=self.clock, random=Random(1))
        source = Source(self.journal, self.bus, await self.journal.head())
        self.running = self._group.create_task(notifier.run(source, idle))
        await self.clock.settle()

    async def ended(self) -> None:
        """Let time pass until the notifier has nothing more to do; its targets answer in real time."""
        assert self.running is not None
        while not self.running.done():
            await self.clock.advance(1)
            await asyncio.sleep(0.001)

    async def fail(self, *runs: str) -> None:
        """Let runs fail."""
        self.bus.publish_many(Event(kind="flow-run.failed", run=run, subject=run) for run in runs)
        await self.bus.flushed()

    async def happened(self, kind: str, *, count: int = 1) -> list[Event]:
        """Wait until so many events of a kind have happened since the beginning; time stands still meanwhile."""
        events: list[Event] = []
        beginning = Cursor((await self.journal.head()).journal, 1, 0)
        async with self.bus.subscribe(Filter(kinds=(kind,)), after=beginning) as batches:
            async for batch in batches:
                events.extend(batch)
                if len(events) >= count:
                    break
        return events

    def _target(self, receiver: Receiver) -> Target:
        return Target(name=f"hook-{receiver.port}", url=receiver.url("", "webhook+http"))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = FakeClock()
    async with MemoryJournal(clock) as journal, Bus(journal, clock) as bus, asyncio.TaskGroup() as group:
        house = House(clock, journal, bus, group)
        yield house
        if house.running is not None:
            house.running.cancel()


def told(receiver: Receiver) -> list[str]:
    return [document["about"] for document in receiver.documents]


async def test_a_target_that_is_down_for_an_hour_gets_all_of_it_afterwards(house: House) -> None:
    """F37: each attempt is refused for an hour, in which 20 runs fail."""
    async with Receiver(status=503) as receiver:
        await house.notify(receiver, idle=5)
        runs = [f"r{n}" for n in range(20)]
        for count, run in enumerate(runs, 1):
            await house.fail(run)
            await house.clock.advance(180)
            await house.happened("notification.failed", count=count)
        refused = len(receiver.requests)
        receiver.answer(200)

        await house.ended()

        assert sorted({*told(receiver)[refused:]}) == sorted(runs)
        keys = Counter(request.headers["idempotency-key"] for request in receiver.requests[refused:])
        assert set(keys.values()) == {1}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=429, headers={"Retry-After": "30"}),
        Answer(status=503, headers={"Retry-After": "30"}),
    ],
)
async def test_a_target_that_says_when_to_come_back_is_obeyed(house: House, answer: Answer) -> None:
    """F38."""
    async with Receiver(answers=[answer]) as receiver:
        await house.notify(receiver)
        await house.fail("r1")
        [failed] = await house.happened("notification.failed")
        assert failed.payload["next"] == house.clock.now_us() + 30_000_000

        await house.clock.advance(29.9)
        assert len(receiver.requests) == 1
        await house.clock.advance(0.2)
        await house.happened("notification.sent")

        assert told(receiver) == ["r1", "r1"]


@pytest.mark.parametrize("answer", [Answer(status=500), Answer(does="close")])
async def test_a_target_that_fails_is_tried_again(house: House, answer: Answer) -> None:
    """F38."""
    async with Receiver(answers=[answer]) as receiver:
        await house.notify(receiver)
        await house.fail("r1")
        await house.happened("notification.failed")

        await house.clock.advance(1.3)

        [sent] = await house.happened("notification.sent")
        assert sent.payload["attempt"] == 2


async def test_a_target_that_says_never_is_not_tried_again(house: House) -> None:
    async with Receiver(status=404) as receiver:
        await house.notify(receiver)
        await house.fail("r1")

        [dead] = await house.happened("notification.dead")

        assert "404" in dead.payload["reason"]


async def test_forty_targets_that_hang_delay_the_others_by_nothing(house: House) -> None:
    """F38: all forty hold their connections when the forty-first has its messages, on a clock that stands still."""
    async with Receiver() as quick, Receiver(status=None) as hanging:
        slow = [channel_of(Target(name=f"slow-{n}", url=hanging.url("", "webhook+http")), LOOPBACK) for n in range(40)]
        swift = channel_of(Target(name="swift", url=quick.url("", "webhook+http")), LOOPBACK)
        routes = [Route(channel=channel, timeout=60) for channel in (*slow, swift)]
        notifier = Notifier([FAILURES], routes, state=MemoryState(), clock=house.clock, random=Random(1))
        source = Source(house.journal, house.bus, await house.journal.head())
        running = asyncio.create_task(notifier.run(source))
        await house.fail("r1", "r2", "r3")

        await quick.received(3)
        await hanging.received(40)

        assert told(quick) == ["r1", "r2", "r3"]
        assert [event.payload["target"] for event in await house.happened("notification.sent", count=3)] == [
            "swift"
        ] * 3
        hanging.answer(200)
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))])
async def test_killed_between_the_answer_and_its_record_one_message_comes_again_with_its_id(
    start: Callable[..., subprocess.Popen[str]], segue_home: Path, seed: int
) -> None:
    """F39: a notifier of 12 failures is killed five times, each time after another number of messages."""
    await anyio.Path(segue_home).mkdir()
    async with SqliteJournal(segue_home / "segue.db") as journal:
        await journal.append([Event(kind="flow-run.failed", run=f"r{n}", subject=f"r{n}") for n in range(12)])
    random, kills = Random(seed), 0
    async with Receiver() as receiver:
        for left in (*(random.randrange(1, 4) for _ in range(5)), 0):
            child = start("messenger.py", receiver.port, left)
            await anyio.to_thread.run_sync(child.wait)
            kills += child.returncode == -signal.SIGKILL

    keys = Counter(request.headers["idempotency-key"] for request in receiver.requests)
    assert kills == 5
    assert len(keys) == 12
    assert set(told(receiver)) == {f"r{n}" for n in range(12)}
    assert sum(keys.values()) - len(keys) <= kills


async def test_a_storm_sends_what_the_rate_allows_and_digests_and_loses_nothing(house: House) -> None:
    """F40: 10,000 failures in a minute, at 30 messages a minute."""
    async with Receiver() as receiver:
        await house.notify(receiver, rate=Rate(most=30, per=60), idle=5)
        for tenth in range(600):
            await house.fail(*(f"r{n}" for n in range(10_000 * tenth // 600, 10_000 * (tenth + 1) // 600)))
            await house.clock.advance(0.1)

        await house.ended()

        digests = [document for document in receiver.documents if "more of failures" in document["title"]]
        assert digests
        assert len(receiver.requests) <= 30 + 30 * house.clock.seconds / 60
        events = await house.journal.read(0, Filter(kinds=("notification.*",)), 100_000)
        queued = {event.id for event in events if event.kind == "notification.queued"}
        sent = [event for event in events if event.kind == "notification.sent"]
        single = {event.payload["message"] for event in sent}
        absorbed = [key for event in sent for key in event.payload.get("absorbed", ())]
        assert len(queued) == 10_000 + len(digests)
        assert single | set(absorbed) == queued
        assert len(single) + len(absorbed) == len(queued)
