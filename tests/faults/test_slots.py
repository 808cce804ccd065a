"""Slots that many processes want, that the dead held, and clocks that are set: never too many, none for ever."""

import asyncio
import itertools
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest

from segue.records.work import LEASE_SECONDS, Limit
from segue.run_events import FLOW_RUN_KINDS
from segue.states import StateType
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, Event, SystemClock
from segue_events.journal.sqlite import SqliteJournal

Start = Callable[..., subprocess.Popen[str]]


class Later(SystemClock):
    """The machine's clock, some seconds from now, and set by some more."""

    def __init__(self, seconds: float = 0.0, ahead: float = 0.0) -> None:
        self._seconds = seconds
        self._ahead = ahead

    def monotonic(self) -> float:
        return super().monotonic() + self._seconds

    def now_us(self) -> int:
        return super().now_us() + int((self._seconds + self._ahead) * 1e6)


@asynccontextmanager
async def working(home: Path, clock: SystemClock) -> AsyncIterator[LocalWork]:
    os.makedirs(home, exist_ok=True)
    async with SqliteJournal(home / "segue.db", projections=projections()) as journal, Bus(journal, clock) as bus:
        yield LocalWork(journal, bus, clock, Random(1))


async def publish(home: Path, event: Event) -> None:
    async with SqliteJournal(home / "segue.db", projections=projections()) as journal:
        await journal.append([event])


async def said(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return (await asyncio.to_thread(child.stdout.readline)).strip()


async def free(home: Path, clock: SystemClock) -> bool:
    """Whether a slot of `db` can be had at once."""
    async with working(home, clock) as work:
        lease = await work.acquire(["db"], 1, "next")
        if lease is not None:
            await work.release(lease.id)
        return lease is not None


async def test_twenty_processes_share_three_slots(start: Start, segue_home: Path, tmp_path: Path) -> None:
    """Never more than three are in, and everybody has been as often as it wanted."""
    async with working(segue_home, SystemClock()) as work:
        await work.save_limit(Limit(name="db", slots=3))
    ledger = tmp_path / "ledger"
    assert await asyncio.to_thread(start("contender.py", ledger, 20, 3).wait) == 0

    lines = ledger.read_text().split("\n")[:-1]
    inside = list(itertools.accumulate(1 if line == "in" else -1 for line in lines))
    assert max(inside) == 3
    assert len(lines) == 20 * 3 * 2
    assert await free(segue_home, SystemClock())


async def test_the_slot_of_a_process_that_is_killed_is_free_when_its_lease_ends(start: Start, segue_home: Path) -> None:
    """After half a minute at most, and not before."""
    async with working(segue_home, SystemClock()) as work:
        await work.save_limit(Limit(name="db", slots=1))
    holder = start("contender.py", "stays")
    assert await said(holder)
    holder.kill()
    await asyncio.to_thread(holder.wait)
    assert not await free(segue_home, Later(1))
    assert await free(segue_home, Later(LEASE_SECONDS))


async def test_the_slot_of_a_run_that_was_declared_crashed_is_free_at_once(start: Start, segue_home: Path) -> None:
    """Whoever finds out that the process is gone frees what it held."""
    async with working(segue_home, SystemClock()) as work:
        await work.save_limit(Limit(name="db", slots=1))
    holder = start("contender.py", "stays")
    run = await said(holder)
    holder.kill()
    await asyncio.to_thread(holder.wait)
    await publish(segue_home, Event(kind=FLOW_RUN_KINDS[StateType.CRASHED], run=run, subject=run))
    assert await free(segue_home, SystemClock())


@pytest.mark.parametrize("ahead", [3600, -3600, 86_400, -86_400])
async def test_a_clock_that_is_set_takes_no_slot_and_keeps_none(segue_home: Path, ahead: float) -> None:
    """By an hour or a day, forwards or back: what is held is held, and is free half a minute after its last renewal."""
    async with working(segue_home, SystemClock()) as work:
        await work.save_limit(Limit(name="db", slots=1))
        assert await work.acquire(["db"], 1, "holder") is not None
    assert not await free(segue_home, Later(1, ahead))
    assert await free(segue_home, Later(LEASE_SECONDS + 1, ahead))


async def test_a_clock_that_goes_back_again_and_again_loses_no_lease(segue_home: Path) -> None:
    """Ten seconds each time, between renewals."""
    async with working(segue_home, SystemClock()) as work:
        await work.save_limit(Limit(name="db", slots=1))
        lease = await work.acquire(["db"], 1, "holder")
        assert lease is not None
    for number in range(1, 6):
        async with working(segue_home, Later(10 * number, -20 * number)) as work:
            assert await work.renew(lease.id)
            assert await work.acquire(["db"], 1, "another") is None
