"""FakeClock: time passes when the test says so, and everybody wakes at the right instant."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio

from segue_events import Bus, Clock, Event, SqliteJournal
from segue_events.testing import FakeClock, Recorder


async def test_sleepers_wake_each_at_its_own_instant() -> None:
    """In order, also one that begins to sleep while time passes."""
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, *delays: float) -> None:
        for delay in delays:
            await clock.sleep(delay)
            woken.append((name, clock.seconds))

    async with anyio.create_task_group() as group:
        group.start_soon(sleeper, "a", 10, 50)
        group.start_soon(sleeper, "b", 5, 5, 20)
        await clock.advance(60)
        assert woken == [("b", 5), ("a", 10), ("b", 10), ("b", 30), ("a", 60)]


async def test_a_day_of_minutes_is_exact() -> None:
    """And is over at once."""
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    ticks: list[datetime] = []

    async def tick() -> None:
        while True:
            await clock.sleep_until(clock.now() + timedelta(minutes=1))
            ticks.append(clock.now())

    async with anyio.create_task_group() as group:
        group.start_soon(tick)
        await clock.advance(86_400)
        group.cancel_scope.cancel()
    assert ticks == [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=n) for n in range(1, 1441)]


async def test_nothing_wakes_without_advance() -> None:
    clock = FakeClock()
    async with anyio.create_task_group() as group:
        group.start_soon(clock.sleep, 0.001)
        await clock.settle()
        assert (clock.sleepers, clock.seconds, clock.monotonic()) == (1, 0, 0)
        await clock.advance(0.001)
        assert clock.sleepers == 0


async def test_a_sleeper_that_was_cancelled_is_passed_over() -> None:
    clock = FakeClock()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await clock.sleep(10)
    await clock.advance(20)
    assert clock.seconds == 20


async def test_what_needs_no_waiting_does_not_wait() -> None:
    clock = FakeClock()
    await clock.sleep(0)
    await clock.sleep_until(clock.now())
    assert clock.now_us() == int(clock.now().timestamp()) * 1_000_000


async def test_settling_waits_for_a_journal_that_works_in_its_thread(tmp_path: Path) -> None:
    """Fifty ticks, each committed and delivered before the next."""
    clock = FakeClock()

    async def tick(bus: Bus) -> None:
        for n in range(50):
            await clock.sleep(60)
            bus.publish(Event(kind="tick.told", payload={"n": n}))

    async with SqliteJournal(tmp_path / "j.db") as journal, Bus(journal, clock) as bus, Recorder(bus) as recorder:
        clock.watch(journal, bus)
        async with anyio.create_task_group() as group:
            group.start_soon(tick, bus)
            await clock.advance(50 * 60)
        start = clock.now_us() - 50 * 60_000_000
        assert [(event.occurred - start) // 1_000_000 for event in recorder.events] == list(range(60, 3001, 60))


async def test_plain_code_that_blocks_lets_the_time_pass() -> None:
    """There is nobody else who could; coroutines that are due are woken."""
    clock = FakeClock()
    async with anyio.create_task_group() as group:
        group.start_soon(clock.sleep, 30)
        await clock.settle()
        await asyncio.to_thread(clock.block, 60)
        assert clock.seconds == 60
        await clock.settle()
        assert clock.sleepers == 0


async def test_a_sleeper_may_be_in_the_loop_of_another_thread() -> None:
    clock = FakeClock()
    sleeping = threading.Event()

    async def sleep() -> float:
        task = asyncio.create_task(clock.sleep(10))
        await asyncio.sleep(0)
        sleeping.set()
        await task
        return clock.seconds

    other = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(sleep())))
    await asyncio.to_thread(sleeping.wait, 5)
    await clock.advance(10)
    assert await other == 10


def test_a_fake_clock_is_a_clock() -> None:
    clock: Clock = FakeClock()
    assert clock.now().tzinfo is UTC
