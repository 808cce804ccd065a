"""Slots: held by renewal, lost, given back; and a server that is away meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from typing import Any

import pytest

from segue.concurrency.asyncio import concurrency
from segue.exceptions import SlotsLost
from segue.records.work import Lease, Limit
from segue.slots import LimitedWork, Slots, Wanted
from segue.testing import Harness
from segue_events.testing import FakeClock

WANTED = Wanted(("db",), 1, "me")


class Away(Exception):
    """The server does not answer."""


class OneSlot:
    """A Work with one slot of `db`, which can be lost, and can be away."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.held: list[str] = []
        self.renewals: list[float] = []
        self.lost = self.away = False

    async def limits(self) -> list[Limit]:
        self._answer()
        return [Limit(name="db", slots=1, tag=True)]

    async def leases(self, limit: str = "") -> list[Lease]:
        self._answer()
        return [Lease(id=one, limits=("db",), slots=1, holder=one, until=0) for one in self.held]

    async def acquire(
        self, names: Sequence[str], slots: int, holder: str, *, strict: bool = False, wait: float = 0.0
    ) -> Lease | None:
        self._answer()
        if self.held:
            await self.clock.sleep(wait)
            return None
        self.held.append(holder)
        return Lease(id=holder, limits=("db",), slots=1, holder=holder, until=0)

    async def renew(self, lease_id: str) -> bool:
        self._answer()
        self.renewals.append(self.clock.seconds)
        return not self.lost

    async def release(self, lease_id: str) -> None:
        self._answer()
        self.held.remove(lease_id)

    def _answer(self) -> None:
        if self.away:
            raise Away("It does not answer.")

    def call(self, ask: Callable[[LimitedWork], Awaitable[Any]]) -> Future[Any]:
        async def asked() -> Any:
            return await ask(self)

        return asyncio.run_coroutine_threadsafe(asked(), asyncio.get_running_loop())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def work(clock: FakeClock) -> OneSlot:
    return OneSlot(clock)


@pytest.fixture
def slots(work: OneSlot, clock: FakeClock) -> Slots:
    return Slots(work.call, clock, away=(Away,))


async def test_what_is_held_is_renewed_three_times_a_lease(slots: Slots, work: OneSlot, clock: FakeClock) -> None:
    """Until it is given back."""
    held = await slots.take(WANTED).wait_async()
    assert held is not None
    await clock.advance(30)
    held.release()
    await clock.advance(30)
    assert work.renewals == [10, 20, 30]
    assert work.held == []


async def test_a_server_that_is_away_is_asked_again_for_renewal(slots: Slots, work: OneSlot, clock: FakeClock) -> None:
    """Nothing is lost for its being away."""
    held = await slots.take(WANTED).wait_async()
    assert held is not None
    work.away = True
    await clock.advance(15)
    work.away = False
    await clock.advance(15)
    assert work.renewals == [20, 30]
    assert not held.lost


async def test_slots_that_others_have_are_lost_and_not_given_back(
    slots: Slots, work: OneSlot, clock: FakeClock
) -> None:
    """Whoever wanted to know is told once."""
    held = await slots.take(WANTED).wait_async()
    assert held is not None
    told: list[str] = []
    held.when_lost(lambda: told.append("lost"))
    work.lost = True
    await clock.advance(60)
    held.release()
    await clock.settle()
    assert told == ["lost"]
    assert work.renewals == [10]
    assert work.held == ["me"]


async def test_who_waits_for_a_server_that_is_away_gets_slots_when_it_is_back(
    slots: Slots, work: OneSlot, clock: FakeClock
) -> None:
    """It is asked every second."""
    work.away = True
    asking = slots.take(WANTED)
    await clock.advance(3)
    assert not asking.future.done()
    work.away = False
    await clock.advance(1)
    assert asking.future.result() is not None


async def test_a_server_that_is_away_leaves_the_limits_as_they_were_known(
    slots: Slots, work: OneSlot, clock: FakeClock
) -> None:
    """A run waits for none only to look for limits."""
    await asyncio.wrap_future(slots.look())
    work.away = True
    await clock.advance(2)
    assert slots.tag_limits() is None
    assert list(await asyncio.wrap_future(slots.look())) == ["db"]
    assert slots.tag_limits() == {"db"}


async def test_only_the_first_in_line_asks(slots: Slots, work: OneSlot, clock: FakeClock) -> None:
    """The slot goes from one to the next in the order in which they came."""
    work.held.append("another")
    waiting = [slots.take(Wanted(("db",), 1, name)) for name in ("first", "second", "third")]
    await clock.settle()
    assert clock.sleepers == 1
    work.held.clear()
    order: list[str] = []
    for asking in waiting:
        await clock.advance(5)
        held = asking.future.result()
        assert held is not None
        order.append(held.lease.holder)
        held.release()
    assert order == ["first", "second", "third"]


async def test_a_block_that_must_not_go_on_without_its_slots_is_ended(harness: Harness) -> None:
    """Where it waits; and it says why."""
    work = OneSlot(harness.clock)
    harness.backend.slots = Slots(work.call, harness.clock)
    ended: list[BaseException] = []

    async def block() -> None:
        try:
            async with concurrency("db", raise_on_lease_renewal_failure=True):
                await asyncio.Event().wait()
        except SlotsLost as error:
            ended.append(error)

    running = asyncio.create_task(block())
    await harness.clock.settle()
    work.lost = True
    await harness.clock.advance(10)
    await running
    assert "The slots of 'db' could not be kept to the end" in str(ended[0])
    assert running.cancelling() == 0


async def test_a_block_that_may_goes_on_without_its_slots(harness: Harness) -> None:
    """The loss is logged when it ends."""
    work = OneSlot(harness.clock)
    harness.backend.slots = Slots(work.call, harness.clock)
    async with concurrency("db"):
        work.lost = True
        await harness.clock.advance(10)
    assert work.held != []
