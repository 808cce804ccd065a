"""The backend upon this process's own journal."""

from __future__ import annotations

from concurrent.futures import Future

from segue.host import Host, current_host
from segue.records import CacheEntry
from segue.settings import Settings


class LocalBackend:
    """Publishes to the host's bus and reads from its store."""

    __slots__ = ("_host", "bus", "clock", "publish")

    def __init__(self, host: Host) -> None:
        self._host = host
        self.bus = host.bus
        self.clock = host.clock
        # The bus's own method: this is the hottest call there is, and needs no frame in between.
        self.publish = host.bus.publish

    @property
    def backlog(self) -> int:
        """How many events are taken but not yet durable."""
        return self.bus.backlog

    def flush(self) -> Future[int]:
        """Return a future that is done when all events taken so far are durable."""
        return self.bus.flush()

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """Return a future of the unexpired result under this cache key, counting all that was published before."""
        return self._host.call(self._cached, key)

    async def _cached(self, key: str) -> CacheEntry | None:
        await self.bus.flushed()
        return await self._host.store.cache(key, self.clock.now_us())


def local_backend(settings: Settings) -> LocalBackend:
    """Return the backend of the settings' database; JournalError says why it cannot be opened."""
    return LocalBackend(current_host(settings))
