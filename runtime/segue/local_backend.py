"""The backend upon this process's own journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from segue.host import Host, current_host
from segue.local_requests import LocalRequests, requests_of
from segue.records import CacheEntry
from segue.requests import Heard
from segue.settings import Settings
from segue.slots import LimitedWork, Slots

T = TypeVar("T")

# How many events may wait for the journal before a run waits for it too.
MAX_BACKLOG = 6_000


class LocalBackend:
    """Publishes to the host's bus and reads from its store."""

    __slots__ = ("_half", "_host", "_requests", "bus", "clock", "publish", "slots")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._requests: LocalRequests = requests_of(host)
        # Done when the first half of the backlog is written.
        self._half: Future[int] | None = None
        self.slots = _slots_of(host)
        self.bus = host.bus
        self.clock = host.clock
        # The bus's own method: this is the hottest call there is, and needs no frame in between.
        self.publish = host.bus.publish

    def room(self) -> Future[int] | None:
        """Return what to wait for before more is published; None while there is room.

        That is not until all is written: while the second half of the backlog is, the run goes on beside it.
        """
        backlog = self.bus.backlog
        if backlog <= MAX_BACKLOG // 2:
            self._half = None
            return None
        if self._half is None:
            self._half = self.bus.flush()
        if backlog <= MAX_BACKLOG:
            return None
        half, self._half = self._half, None
        return half

    def flush(self) -> Future[int]:
        """Return a future that is done when all events taken so far are durable."""
        return self.bus.flush()

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """Return a future of the unexpired result under this cache key, counting all that was published before."""
        return self._host.call(self._cached, key)

    async def _cached(self, key: str) -> CacheEntry | None:
        await self.bus.flushed()
        return await self._host.store.cache(key, self.clock.now_us())

    def heed(self, run_id: str, heard: Heard) -> None:
        """Have `heard` called for each request to stop that is for this run."""
        self._requests.heed(run_id, heard)

    def forget(self, run_id: str) -> None:
        """Have it called no more."""
        self._requests.forget(run_id)


def local_backend(settings: Settings) -> LocalBackend:
    """Return the backend of the settings' database; JournalError says why it cannot be opened."""
    return LocalBackend(current_host(settings))


class _Desk:
    """The Work of a host, made when something is first asked of it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._work: LimitedWork | None = None

    def call(self, ask: Callable[[LimitedWork], Awaitable[T]]) -> Future[T]:
        """Call `ask` with it, in the host's loop; from any thread."""
        return self._host.call(self._asked, ask)

    async def _asked(self, ask: Callable[[LimitedWork], Awaitable[T]]) -> T:
        if self._work is None:
            host = self._host
            # Most runs have neither tags nor limits, and do without all that Work imports.
            made: Any = import_module("segue.work.local").LocalWork(host.journal, host.bus, host.clock)
            self._work = made
        assert self._work is not None
        return await ask(self._work)


_of_hosts: WeakKeyDictionary[Host, Slots] = WeakKeyDictionary()


def _slots_of(host: Host) -> Slots:
    slots = _of_hosts.get(host)
    return slots or _of_hosts.setdefault(host, Slots(_Desk(host).call, host.clock))
