"""The backend upon a far server: events are shipped to it, and kept on disk while it is away."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from importlib import import_module
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from segue.client.asynchronous import AsyncClient
from segue.client.failures import ServerAway
from segue.far.link import Link, current_link
from segue.records import CacheEntry
from segue.requests import Heard
from segue.run_events import LOG_WRITTEN, log_line
from segue.settings import Settings
from segue.slots import LimitedWork, Slots
from segue_events import Event, PayloadError
from segue_events.event import seal
from segue_events.stream import EventTooLarge, wire
from segue_events.stream.carrier import ENVELOPE

T = TypeVar("T")

# The largest event that a server takes.
_MAX_EVENT = 16 * 1024 * 1024 - ENVELOPE
# So many bytes may wait for the server before log lines are left out; what runs do is kept all the same.
SPOOL_BYTES = 64 * 1024 * 1024

_WARNING = 30


class ApiBackend:
    """Publishes to the link's spool, and asks the link's server."""

    __slots__ = ("_link", "_lock", "_lost", "_spool", "clock", "slots")

    def __init__(self, link: Link) -> None:
        self._link = link
        self._spool = link.spool
        self._lock = threading.Lock()
        # Of each run, how many of its log lines were left out since this was last said.
        self._lost: dict[str, int] = {}
        self.clock = link.clock
        self.slots = _slots_of(link)

    def publish(self, event: Event) -> None:
        """Take the event, to be sent; of what cannot be kept here or there, `flush` and a log line tell."""
        if event.kind == LOG_WRITTEN and self._spool.held_bytes > SPOOL_BYTES:
            with self._lock:
                self._lost[event.run] = self._lost.get(event.run, 0) + 1
            return
        if self._lost:
            self._tell_of_loss()
        self._put(event)

    def _put(self, event: Event) -> None:
        payload = seal(event)
        event.occurred = event.occurred or self.clock.now_us()
        row = wire.event_row(event, payload)
        if len(row) > _MAX_EVENT:
            raise PayloadError(str(EventTooLarge(event.kind, len(row), _MAX_EVENT)))
        self._spool.put(row)
        self._link.wake()

    def _tell_of_loss(self) -> None:
        if self._spool.held_bytes > SPOOL_BYTES:
            return
        with self._lock:
            lost, self._lost = self._lost, {}
        for run, count in lost.items():
            where = self._link.address.url
            message = f"{count} log lines were left out here: too much waited for the server at {where}."
            self._put(
                log_line(
                    run_id=run,
                    subject=run,
                    level=_WARNING,
                    logger="segue.server",
                    message=message,
                    occurred=self.clock.now_us(),
                )
            )

    def room(self) -> Future[int] | None:
        """Return None: what waits is on disk, and no run waits for a server."""
        return None

    def flush(self) -> Future[int]:
        """Return a future that is done when all events taken so far are durable: at the server, or on this disk."""
        return self._link.flush()

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """Return a future of the server's unexpired result under this key; of None while it does not answer."""
        return self._link.cached(key)

    def heed(self, run_id: str, heard: Heard) -> None:
        """Have `heard` called for each request to stop that is for this run."""
        self._link.requests.heed(run_id, heard)

    def forget(self, run_id: str) -> None:
        """Have it called no more."""
        self._link.requests.forget(run_id)


def api_backend(settings: Settings) -> ApiBackend:
    """Return the backend of the settings' server."""
    return ApiBackend(current_link(settings))


class _Desk:
    """The Work of a link's server."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def call(self, ask: Callable[[LimitedWork], Awaitable[T]]) -> Future[T]:
        """Call `ask` with it, in the link's loop; from any thread."""

        async def asked(client: AsyncClient) -> T:
            # Most runs have neither tags nor limits, and do without all that Work imports.
            work: Any = import_module("segue.work.api").ApiWork(client)
            return await ask(work)

        return self._link.ask(asked)


_of_links: WeakKeyDictionary[Link, Slots] = WeakKeyDictionary()


def _slots_of(link: Link) -> Slots:
    slots = _of_links.get(link)
    return slots or _of_links.setdefault(link, Slots(_Desk(link).call, link.clock, away=(ServerAway,)))
