"""Link: a thread of this process that keeps a far server up to date, and hears what is asked of this process's runs."""

from __future__ import annotations

import asyncio
import atexit
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec

from segue.api.types import microseconds_in
from segue.client.asynchronous import AsyncClient
from segue.client.exchange import Address
from segue.client.failures import ApiError, RequestRefused
from segue.client.lines import Switch
from segue.far.hearing import listen, look_out
from segue.far.orphans import Shipment, adopt, send_left, spools_of
from segue.far.segments import SpoolFolder
from segue.far.spool import DiskSpool
from segue.records import CacheEntry
from segue.requests import Requests
from segue.settings import Settings
from segue_events import Clock, JournalFull, JournalUnwritable, StreamError, SystemClock, new_id
from segue_events.stream import wire
from segue_events.stream.carrier import Carrier

__all__ = ("Link", "close_links", "current_link")

T = TypeVar("T")

_LOGGER = logging.getLogger("segue.server")

# How long a flow run's end waits for a server that is there, but acknowledges nothing, in seconds.
_PATIENCE = 30.0
# How long the end of the process waits for a server to come back, in seconds.
_PARTING = 5.0
# After how many seconds a server that has refused this client is asked again.
_AFTER_REFUSAL = 10.0


class Link:
    """The connection to a server: rows that are put into its spool are sent, in order, however often it goes away.

    Opening raises SettingsError for a URL that is none, JournalUnwritable where the spool cannot be kept.
    """

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.address = Address.of(settings.api_url or "", settings.api_key)
        self.requests = Requests()
        self._parting = _PARTING
        self._folder = spools_of(settings.home, self.address)
        self.spool = self._opened()
        self._ready: Future[None] = Future()
        # A daemon: it holds up no program, which ends it by `atexit` once nothing can be published any more.
        self._thread = threading.Thread(target=self._run, name="segue-link", daemon=True)
        self._thread.start()
        self._ready.result()

    def _opened(self) -> DiskSpool:
        try:
            while True:
                folder = SpoolFolder.claim(self._folder / new_id())
                if folder is not None:
                    return DiskSpool(folder)
        except OSError as error:
            raise JournalUnwritable(
                f"What is to be sent to the server cannot be kept in {self._folder} ({error.strerror}). "
                "Set SEGUE_HOME to a folder that can be written."
            ) from None

    # --- for any thread ---

    def wake(self) -> None:
        """Have what was put into the spool sent."""
        if not self._carrier.is_awake:
            self._loop.call_soon_threadsafe(self._carrier.wake)

    def flush(self) -> Future[int]:
        """Return a future that is done when all that was put into the spool is durable: there, or else here."""
        return asyncio.run_coroutine_threadsafe(self._flushed(self.spool.published), self._loop)

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """Return a future of the result under a cache key; of None where the server does not answer."""
        return asyncio.run_coroutine_threadsafe(self._cached(key, self.spool.published), self._loop)

    def ask(self, question: Callable[[AsyncClient], Awaitable[T]]) -> Future[T]:
        """Ask the server something, in the link's loop; return a future of the answer."""

        async def asked() -> T:
            return await question(self._client)

        return asyncio.run_coroutine_threadsafe(asked(), self._loop)

    def adopted(self) -> Future[list[Shipment]]:
        """Return a future that is done when the server has what processes have left unsent that are gone by now.

        Its value says what became of each spool; it may carry an OSError.
        """
        sending = send_left(self._folder, self.address, self.clock, Switch(self.address).dial)
        return asyncio.run_coroutine_threadsafe(sending, self._loop)

    def close(self, parting: float = _PARTING) -> None:
        """Send what is left, waiting up to `parting` seconds for a server that is away; leave the rest to the next
        process. Safe to call twice."""
        self._parting = parting
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def abandon(self) -> None:
        """Let go of it in a forked process, which has none of its threads."""
        self.spool.abandon()

    # --- in its loop ---

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
            else:
                _LOGGER.exception("The link to the server at %s has failed.", self.address.url)

    async def _live(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        switch = Switch(self.address)
        hello = wire.Hello(token=self.address.key or "")
        self._carrier = Carrier(self.address.stream, hello, self.spool, self.clock, switch.dial)
        async with AsyncClient(self.address.url, self.address.key, clock=self.clock, attempts=1) as self._client:
            tasks = [asyncio.create_task(self._carry()), asyncio.create_task(self._hear(switch))]
            self._ready.set_result(None)
            await self._stop.wait()
            await self._first_of(self._carrier.acknowledged(self.spool.published), self.clock.sleep(self._parting))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if len(self.spool):
            text = "%d events wait in %s for the server at %s; `segue server sync`, or the next flow, sends them."
            _LOGGER.warning(text, len(self.spool), self.spool.path, self.address.url)
        self.spool.close()

    async def _carry(self) -> None:
        telling = asyncio.create_task(self._tell_of_trouble())
        try:
            while True:
                try:
                    await self._carrier.run()
                except StreamError:
                    # A key may be put right, or a server be replaced; until then all is kept.
                    await self.clock.sleep(_AFTER_REFUSAL)
                except Exception:
                    _LOGGER.exception("What is in %s could not be sent, and is tried again.", self.spool.path)
                    await self.clock.sleep(_AFTER_REFUSAL)
        finally:
            telling.cancel()

    async def _hear(self, switch: Switch) -> None:
        """Once the server has been met: hear of requests, and send what other processes have left."""
        while self._carrier.place is None:
            await self._carrier.progress()
        place = self._carrier.place
        async with asyncio.TaskGroup() as group:
            group.create_task(listen(self.requests, self.address, place, self.clock))
            group.create_task(look_out(self.requests, self._client, place, self.clock))
            group.create_task(adopt(self._folder, self.address, self.clock, switch.dial))

    async def _tell_of_trouble(self) -> None:
        told = False
        while True:
            trouble = self._carrier.trouble
            if trouble and not told:
                text = "The server at %s does not answer (%s). Flows go on; what they do is kept in %s until it does."
                _LOGGER.warning(text, self.address.url, trouble.rstrip("."), self.spool.path)
            elif trouble == "" and told:
                _LOGGER.warning("The server at %s answers again.", self.address.url)
            told = bool(trouble)
            await self._carrier.progress()

    async def _arrived(self, count: int) -> bool:
        """Wait until so many events are acknowledged; False if the server is away, or acknowledges none for long."""
        if self.spool.acknowledged < count:
            await self._first_of(self._acknowledged_or_away(count), self.clock.sleep(_PATIENCE))
        return self.spool.acknowledged >= count

    async def _acknowledged_or_away(self, count: int) -> None:
        while self.spool.acknowledged < count and not self._carrier.trouble:
            await self._carrier.progress()

    async def _flushed(self, count: int) -> int:
        if not await self._arrived(count):
            try:
                self.spool.sync()
            except OSError as error:
                raise JournalFull(
                    f"The server at {self.address.url} does not answer ({self._carrier.trouble}), and what is to be "
                    f"sent to it cannot be kept in {self.spool.path} ({error.strerror}). Make room there."
                ) from None
        return self._carrier.head

    async def _cached(self, key: str, count: int) -> CacheEntry | None:
        if not await self._arrived(count):
            return None
        try:
            body = await self._client.cached(key)
        except ApiError as error:
            if not (isinstance(error, RequestRefused) and error.status == 404):
                _LOGGER.warning("A cached result could not be looked up, and is computed. %s", error)
            return None
        return CacheEntry(
            key=key,
            task_run_id=body.task_run_id,
            flow_run_id=body.flow_run_id or "",
            result=msgspec.Raw(msgspec.json.encode(body.result)) if body.has_result else None,
            ref=body.stored_result,
            expires=None if body.expires is None else microseconds_in(body.expires),
        )

    async def _first_of(self, *waits: Any) -> None:
        tasks = [asyncio.ensure_future(wait) for wait in waits]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


_links: dict[tuple[Any, ...], Link] = {}
_lock = threading.Lock()


def current_link(settings: Settings) -> Link:
    """Return this process's link to the settings' server; opens it at the first call."""
    key = (settings.api_url, settings.api_key, settings.home)
    link = _links.get(key)
    if link is not None:
        return link
    with _lock:
        if key not in _links:
            if not _links:
                atexit.register(close_links)
            _links[key] = Link(settings)
        return _links[key]


def close_links(parting: float = _PARTING) -> None:
    """Close every link of this process, waiting up to `parting` seconds for each; the next run opens a new one."""
    with _lock:
        links = list(_links.values())
        _links.clear()
    for link in links:
        link.close(parting)


def _forget_after_fork() -> None:
    """A forked child has its parent's objects but none of its threads: it makes links of its own."""
    global _lock
    _lock = threading.Lock()
    for link in _links.values():
        link.abandon()
    _links.clear()


os.register_at_fork(after_in_child=_forget_after_fork)
