"""Writing to a stream: events published here are committed to the server's journal, whatever the network does."""

import asyncio
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from segue_events.clock import Clock, SystemClock
from segue_events.errors import StreamError
from segue_events.event import Event, seal
from segue_events.stream import wire
from segue_events.stream.carrier import ENVELOPE, Carrier
from segue_events.stream.failures import EventTooLarge, Unacknowledged, WriterClosed
from segue_events.stream.spool import Spool, SpoolStatistics

__all__ = ("Writer",)

# The largest event, as rows go: what a server takes by default, without the rest of the message.
_MAX_EVENT = 1024 * 1024 - ENVELOPE


class Writer:
    """Publishes events to a stream's server from an async context; `publish` itself never waits.

    Events are sent in batches, in order, and sent again until they are acknowledged, which the server does once they
    are committed; their ids keep a second arrival from being stored twice.

    `spool_bytes` bounds what is held until it is acknowledged; `closing_seconds` is how long leaving the context waits
    for the last acknowledgement before it raises Unacknowledged.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        spool_bytes: int = 64 * 1024 * 1024,
        closing_seconds: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self._url = url
        self._spool = Spool(url, spool_bytes)
        self._closing_seconds = closing_seconds
        self._clock = clock or SystemClock()
        self._carrier = Carrier(url, wire.Hello(token=token or ""), self._spool, self._clock)
        self._failure: StreamError | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def failure(self) -> StreamError | None:
        """Why nothing is sent any more: the server refused this writer for good; None while there is hope."""
        return self._failure

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._group: TaskGroup = anyio.create_task_group()
        await self._group.__aenter__()
        self._group.start_soon(self._run)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with anyio.move_on_after(self._closing_seconds):
                await self._carrier.acknowledged(self._spool.published)
        finally:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)
            trouble, self._failure = (
                self._failure or self._carrier.trouble or "no connection yet",
                WriterClosed(self._url),
            )
        if error is None and self._spool:
            raise Unacknowledged(self._url, len(self._spool), str(trouble))

    def publish(self, event: Event) -> None:
        """Queue one event, from any thread; its `id` and `occurred` are filled in when empty.

        Raises PayloadError when the event cannot be written, EventTooLarge, SpoolFull, WriterClosed, and the refusal
        of the server once it has refused this writer for good.
        """
        if self._failure is not None:
            raise self._failure
        event.occurred = event.occurred or self._clock.now_us()
        payload = seal(event)
        row = wire.event_row(event, payload)
        if len(row) > _MAX_EVENT:
            raise EventTooLarge(event.kind, len(row), _MAX_EVENT)
        self._spool.put(row)
        if self._loop is not None and not self._carrier.is_awake:
            self._loop.call_soon_threadsafe(self._carrier.wake)

    async def flushed(self) -> None:
        """Wait until everything published before is committed; raises the server's refusal if it never will be."""
        await self._carrier.acknowledged(self._spool.published)
        if self._failure is not None:
            raise self._failure

    def statistics(self) -> SpoolStatistics:
        """The counters of the spool."""
        return self._spool.statistics()

    async def _run(self) -> None:
        try:
            await self._carrier.run()
        except StreamError as refusal:
            self._failure = refusal
