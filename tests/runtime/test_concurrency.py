"""Concurrency: blocks that hold slots, rates, and task runs whose tags are limited."""

import asyncio
import contextvars
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest

from segue import flow, tags, task
from segue.concurrency import asyncio as for_coroutines
from segue.concurrency import sync
from segue.engine.assignment import assigned
from segue.exceptions import (
    AcquireConcurrencySlotTimeoutError,
    BlockingInLoopError,
    ConcurrencySlotAcquisitionError,
)
from segue.host import Host, current_host
from segue.records.work import Claim, Deployment, Lease, Limit, RunRequest, WorkerInfo
from segue.settings import get_current_settings
from segue.testing import segue_test_harness
from segue.work.local import LocalWork
from segue_events import Event, Filter


class Table:
    """The limits of the journal that the runs of this process write to."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def ask(self, question: Callable[[LocalWork], Awaitable[Any]]) -> Any:
        async def asked() -> Any:
            return await question(LocalWork(self._host.journal, self._host.bus, self._host.clock))

        return self._host.call(asked).result()

    def limit(self, name: str, slots: int, **options: Any) -> None:
        self.ask(lambda work: work.save_limit(Limit(name=name, slots=slots, **options)))

    def claimed(self, flow_name: str, *tags: str) -> Claim:
        """Return a run of a deployment with these tags that a worker was given."""

        async def claim(work: LocalWork) -> Claim:
            worker = await work.join(WorkerInfo(id="", name="w", pool="p"))
            of_flow = Deployment(id="", name="d", flow_name=flow_name, entrypoint="e.py:f", pool="p", tags=tags)
            await work.create_run(RunRequest(deployment_id=(await work.save_deployment(of_flow)).id))
            return (await work.claim(worker.id, 1))[0]

        return self.ask(claim)

    def leases(self) -> list[Lease]:
        return self.ask(lambda work: work.leases())

    def take(self, *names: str, holder: str = "somebody") -> Lease:
        return self.ask(lambda work: work.acquire(names, 1, holder))

    def release(self, lease: Lease) -> None:
        self.ask(lambda work: work.release(lease.id))

    def events(self, kind: str) -> list[Event]:
        async def read() -> list[Event]:
            await self._host.bus.flushed()
            return [event for event in await self._host.journal.read(limit=10_000) if event.kind == kind]

        return self._host.call(read).result()

    def wait_for(self, kind: str, said: str) -> Event:
        """Return the event of this kind whose message begins so, as soon as there is one."""

        async def wait() -> Event:
            beginning = msgspec.structs.replace(await self._host.journal.head(), seq=0)
            async with self._host.bus.subscribe(Filter(kinds=(kind,)), after=beginning) as news:
                while True:
                    for event in await anext(news):
                        if event.payload.get("message", "").startswith(said):
                            return event

        return self._host.call(wait).result()


@pytest.fixture
def table() -> Iterator[Table]:
    """A journal of this test's own."""
    with segue_test_harness():
        yield Table(current_host(get_current_settings()))


def beside(fn: Callable[[], object]) -> threading.Thread:
    """Call it in another thread, in this journal."""
    thread = threading.Thread(target=contextvars.copy_context().run, args=(fn,))
    thread.start()
    return thread


class Meter:
    """How many were inside at once, at most."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


# --- blocks ---


def test_a_block_holds_slots_while_it_runs(table: Table) -> None:
    """They are the flow run's, and free when the block has ended."""
    table.limit("db", 3)

    @flow
    def load() -> list[Lease]:
        with sync.concurrency("db", occupy=2):
            return table.leases()

    (held,) = load()
    assert (held.limits, held.slots) == (("db",), 2)
    assert held.holder == table.events("flow-run.pending")[0].run
    assert table.leases() == []


async def test_no_more_coroutines_are_inside_than_there_are_slots(table: Table) -> None:
    """Ten want in; two at a time are, which wait for each other."""
    table.limit("db", 2)
    meter, pair = Meter(), asyncio.Barrier(2)

    async def one() -> None:
        async with for_coroutines.concurrency("db"):
            with meter:
                await pair.wait()

    @flow
    async def load() -> None:
        await asyncio.gather(*(one() for _ in range(10)))

    await load()
    assert meter.most == 2
    assert table.leases() == []


def test_a_block_that_raises_gives_its_slots_back(table: Table) -> None:
    """The exception passes."""
    table.limit("db", 1)
    with pytest.raises(ZeroDivisionError), sync.concurrency("db"):
        raise ZeroDivisionError
    assert table.leases() == []


def test_who_waits_too_long_is_told(table: Table) -> None:
    """The limit and the seconds are named, and it is a TimeoutError too."""
    table.limit("db", 1)
    table.take("db")
    with pytest.raises(
        AcquireConcurrencySlotTimeoutError, match="Slots of 'db' were not free within 0 seconds"
    ) as told:
        sync.concurrency("db", timeout_seconds=0).__enter__()
    assert isinstance(told.value, TimeoutError)


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind(table: Table) -> None:
    """The next to ask gets the slot as soon as it is free."""
    table.limit("db", 1)
    lease = await asyncio.to_thread(table.take, "db")

    async def wait() -> None:
        async with for_coroutines.concurrency("db"):
            raise AssertionError

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.to_thread(table.release, lease)
    async with for_coroutines.concurrency("db", timeout_seconds=20):
        assert len(await asyncio.to_thread(table.leases)) == 1


async def test_a_plain_block_does_not_stop_a_loop(table: Table) -> None:
    """Where it had to wait in a loop's thread, it says what to write instead."""
    table.limit("db", 1)
    await asyncio.to_thread(table.take, "db")
    with pytest.raises(BlockingInLoopError, match="async with concurrency"):
        sync.concurrency("db").__enter__()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"occupy": 5}, "5 slots of the limit 'db' were asked for, but it has 2"), ({"names": "typo"}, "no limit 'typo'")],
)
def test_slots_that_never_can_be_had_are_refused(table: Table, options: dict[str, Any], sentence: str) -> None:
    """Too many of them, or, if it is to be strict, of a limit that is not there."""
    table.limit("db", 2)
    with pytest.raises(ConcurrencySlotAcquisitionError, match=sentence):
        sync.concurrency(**{"names": "db", "strict": True, **options}).__enter__()


def test_a_limit_that_is_not_there_binds_nothing_and_is_warned_of(table: Table) -> None:
    """The line is in the run's log."""

    @flow
    def load() -> None:
        with sync.concurrency("typo"):
            pass

    load()
    assert any("There is no limit 'typo'" in event.payload["message"] for event in table.events("log.written"))


def test_why_a_block_waits_is_logged(table: Table) -> None:
    """Who holds the slot is named."""
    table.limit("db", 1)
    lease = table.take("db", holder="another-run")

    @flow
    def load() -> None:
        with sync.concurrency("db"):
            pass

    waiting = beside(load)
    said = table.wait_for("log.written", "Waits for")
    table.release(lease)
    waiting.join()
    assert said.payload["message"] == "Waits for a slot of the limit 'db': its only slot is held by another-run."


# --- rates ---


def test_a_rate_limit_gives_what_has_come_back(table: Table) -> None:
    """One slot, which takes an hour to come back: the second is not had."""
    table.limit("api", 1, refill=1 / 3600)
    sync.rate_limit("api")
    with pytest.raises(AcquireConcurrencySlotTimeoutError):
        sync.rate_limit("api", timeout_seconds=0)


async def test_a_rate_limit_is_waited_for(table: Table) -> None:
    """A hundred come back each second."""
    table.limit("api", 1, refill=100.0)
    for _ in range(4):
        await for_coroutines.rate_limit("api")
    assert len(table.events("limit.acquired")) == 4


def test_a_limit_that_is_no_rate_limit_is_refused(table: Table) -> None:
    """Nobody would ever give its slots back; this one is free again."""
    table.limit("db", 1)
    with pytest.raises(ConcurrencySlotAcquisitionError, match="do not come back by time"):
        sync.rate_limit("db")
    with sync.concurrency("db", timeout_seconds=20):
        pass


# --- tags ---


def test_task_runs_with_a_limited_tag_run_so_many_at_a_time(table: Table) -> None:
    """Nine are submitted to threads; three at a time run, which wait for each other."""
    table.limit("heavy", 3, tag=True)
    meter, three = Meter(), threading.Barrier(3)

    @task(tags=["heavy"])
    def step(_: int) -> None:
        with meter:
            three.wait()

    @flow
    def load() -> None:
        step.map(range(9)).wait()

    load()
    assert meter.most == 3
    assert table.leases() == []


async def test_coroutines_with_a_limited_tag_run_so_many_at_a_time(table: Table) -> None:
    """The same where nothing runs in threads."""
    table.limit("heavy", 3, tag=True)
    meter, three = Meter(), asyncio.Barrier(3)

    @task(tags=["heavy"])
    async def step(_: int) -> None:
        with meter:
            await three.wait()

    @flow
    async def load() -> None:
        await step.map(range(9))

    await load()
    assert meter.most == 3


def test_a_task_run_that_waits_is_pending_and_says_why(table: Table) -> None:
    """It runs as soon as the slot is free."""
    table.limit("heavy", 1, tag=True)
    lease = table.take("heavy", holder="another-run")

    @task(tags=["heavy"])
    def step() -> None: ...

    waiting = beside(flow(lambda: step(), name="load"))
    said = table.wait_for("task-run.pending", "Waits for")
    table.release(lease)
    waiting.join()
    assert said.payload["message"] == "Waits for a slot of the limit 'heavy': its only slot is held by another-run."
    assert len(table.events("task-run.completed")) == 1


def test_a_limit_without_tag_does_not_bind_tags(table: Table) -> None:
    """Its one slot is taken, and the task runs."""
    table.limit("heavy", 1)
    table.take("heavy")

    @task(tags=["heavy"])
    def step() -> int:
        return 1

    assert flow(lambda: step())() == 1


def test_a_task_inside_of_a_task_does_not_wait_for_it(table: Table) -> None:
    """Both have the tag, and there is one slot."""
    table.limit("heavy", 1, tag=True)

    @task
    def inner() -> int:
        return 1

    @task
    def outer() -> int:
        return inner()

    @flow
    def load() -> int:
        with tags("heavy"):
            return outer()

    assert load() == 1


def test_a_task_inside_of_a_run_that_a_worker_was_given_does_not_wait_for_it(table: Table) -> None:
    """Both have the tag, and the run holds the one slot."""
    table.limit("heavy", 1, tag=True)

    @task(tags=["heavy"])
    def step() -> int:
        return len(table.leases())

    claim = table.claimed("load", "heavy")
    with assigned(claim):
        assert flow(lambda: step(), name="load")() == 1
    assert table.leases() == []


def test_a_task_that_waits_for_another_attempt_holds_nothing(table: Table) -> None:
    """Its slot is free until it runs again."""
    table.limit("heavy", 1, tag=True)
    seen: list[int] = []

    @task(tags=["heavy"], retries=1, retry_delay_seconds=0.02)
    def step() -> None:
        seen.append(len(table.leases()))
        if len(seen) == 1:
            raise OSError

    flow(lambda: step())()
    assert seen == [1, 1]
    assert len(table.events("limit.acquired")) == 2


def test_a_cancelled_flow_run_waits_for_no_slots(table: Table) -> None:
    """Its task runs that had none are Cancelled, and none is left in line."""
    table.limit("heavy", 1, tag=True)
    table.take("heavy")

    @task(tags=["heavy"])
    def step() -> None: ...

    @flow
    def load() -> None:
        step.submit()
        table.wait_for("task-run.pending", "Waits for")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        load()
    assert len(table.events("task-run.cancelled")) == 1
