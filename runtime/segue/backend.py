"""All that a run asks of the world outside of it, as one protocol."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Protocol

from segue.records import CacheEntry
from segue.requests import Heard
from segue.slots import Slots
from segue_events import Clock, Event


class Backend(Protocol):
    """Where a run's events go, and where what other runs left is found. Every method may be called from any thread."""

    clock: Clock

    @property
    def slots(self) -> Slots:
        """The way to the limits that bind runs."""
        ...

    def publish(self, event: Event) -> None:
        """Take the event; it is durable once a `flush` that was asked for later is done.

        Raises PayloadError at once for an event that cannot be written as JSON.
        """
        ...

    def room(self) -> Future[int] | None:
        """Return what to wait for before more is published, so that what waits to be durable stays bounded.

        None while there is room. The future may carry a JournalError.
        """
        ...

    def flush(self) -> Future[int]:
        """Return a future that is done when all events taken so far are durable.

        It carries a JournalError when they cannot be written.
        """
        ...

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """Return a future of the result that lies under this cache key and has not expired."""
        ...

    def heed(self, run_id: str, heard: Heard) -> None:
        """Have `heard` called, in a thread that must not be held up, for each request to stop that is for this run.

        To be called before the run's first event is published: then no request to it is missed.
        """
        ...

    def forget(self, run_id: str) -> None:
        """Have it called no more: the run has ended."""
        ...
