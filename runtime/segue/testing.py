"""For tests of flows: runs recorded in memory, under a clock that the test moves; or in a home of their own."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

from segue import host
from segue.engine.loops import background_loop
from segue.engine.world import use_backend
from segue.records import CacheEntry
from segue.records.work import Lease, Limit
from segue.requests import Heard, Requests
from segue.run_events import STATE_TYPES, flow_run_cancel_requested, state_of
from segue.settings import temporary_settings
from segue.slots import LimitedWork, Slots
from segue.states import StateType
from segue.transitions import refusal
from segue_events import Clock, Event, encode_payload, new_id
from segue_events.testing import FakeClock

T = TypeVar("T")


class MemoryBackend:
    """A backend that keeps its events in a list: what is published is there at once, in order.

    It holds the engine to the table of transitions: a state that may not follow the run's last one is an error.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.events: list[Event] = []
        self.slots = Slots(_ask_of_nobody, clock)
        self._requests = Requests()
        self._last: dict[str, StateType] = {}

    def publish(self, event: Event) -> None:
        """Append the event; PayloadError for one that a journal would refuse."""
        encode_payload(event.payload)
        kind = STATE_TYPES.get(event.kind)
        if kind is not None:
            refused = refusal(self._last.get(event.subject), kind)
            if refused is not None:
                raise AssertionError(f"{event.kind} of {event.subject}: {refused}")
            self._last[event.subject] = kind
        event.id = event.id or new_id()
        event.occurred = event.occurred or self.clock.now_us()
        self.events.append(event)
        event.seq = len(self.events)
        self._requests.tell(event)

    def room(self) -> Future[int] | None:
        """Return None: a list has room for everything."""
        return None

    def flush(self) -> Future[int]:
        """Return a future that is done."""
        return _done(len(self.events))

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """Return a future of the last unexpired result that was recorded under this key."""
        for event in reversed(self.events):
            payload = event.payload
            if payload.get("cache_key") == key:
                expires = payload.get("expires")
                entry = CacheEntry(
                    key=key,
                    task_run_id=event.subject,
                    flow_run_id=event.run,
                    result=msgspec.Raw(msgspec.json.encode(payload["result"])) if "result" in payload else None,
                    ref=payload.get("ref"),
                    expires=expires,
                )
                return _done(entry if expires is None or expires > self.clock.now_us() else None)
        return _done(None)

    def heed(self, run_id: str, heard: Heard) -> None:
        """Have `heard` called, by who publishes it, for each request to stop that is for this run."""
        self._requests.heed(run_id, heard)

    def forget(self, run_id: str) -> None:
        """Have it called no more."""
        self._requests.forget(run_id)


class _Unlimited:
    """What is asked of a Work for runs in memory: no limit binds them."""

    async def limits(self) -> list[Limit]:
        """Return none."""
        return []

    async def leases(self, limit: str = "") -> list[Lease]:
        """Return none."""
        return []

    async def acquire(
        self, names: Sequence[str], slots: int, holder: str, *, strict: bool = False, wait: float = 0.0
    ) -> Lease | None:
        """Grant everything."""
        return Lease(id="", limits=(), slots=slots, holder=holder, until=0)

    async def renew(self, lease_id: str) -> bool:
        """Lose nothing."""
        return True

    async def release(self, lease_id: str) -> None:
        """Free nothing."""


def _ask_of_nobody(ask: Callable[[LimitedWork], Awaitable[T]]) -> Future[T]:
    async def asked() -> T:
        return await ask(_Unlimited())

    return asyncio.run_coroutine_threadsafe(asked(), background_loop())


class Harness:
    """What a test has at hand while its flows run in memory: the events, the states, the log, the clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.backend = MemoryBackend(clock)

    def states(self, name: str) -> list[str]:
        """Return the names of the states that the run of this name has been in, in order.

        A flow run may be asked for by the name of its flow.
        """
        found = [event for event in self.backend.events if event.subject == self.id_of(name)]
        return [state_of(event).name for event in found if event.kind in STATE_TYPES]

    def id_of(self, name: str) -> str:
        """Return the id of the last run with this name, or of the last run of the flow with this name."""
        for event in reversed(self.backend.events):
            if event.kind.endswith("-run.pending") and name in (event.payload["name"], event.payload.get("flow")):
                return event.subject
        raise KeyError(name)

    def runs(self) -> list[str]:
        """Return the names of all task runs, in the order in which they came to be."""
        return [event.payload["name"] for event in self.backend.events if event.kind == "task-run.pending"]

    def cancel(self, name: str, by: str = "somebody", reason: str = "") -> None:
        """Ask the last run of this name, or of the flow of this name, to stop."""
        run = self.id_of(name)
        self.backend.publish(flow_run_cancel_requested(run, by, reason, self.clock.now_us()))

    def log(self) -> list[str]:
        """Return the logged lines."""
        return [event.payload["message"] for event in self.backend.events if event.kind == "log.written"]


@contextmanager
def harness(clock: FakeClock | None = None) -> Generator[Harness]:
    """Run flows inside of the `with` in memory: nothing is written, and only the clock's `advance` lets time pass."""
    made = Harness(clock or FakeClock())
    with use_backend(made.backend):
        yield made


@contextmanager
def segue_test_harness() -> Generator[Path]:
    """Give the flows inside of the `with` an empty home with a journal of its own, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="segue-test-") as home, temporary_settings({"home": home}):
        try:
            yield Path(home)
        finally:
            host.close_hosts()


def _done(value: T) -> Future[T]:
    future: Future[T] = Future()
    future.set_result(value)
    return future
