"""Writing to a stream: events published here are committed to the server's journal, whatever the network does."""

import asyncio
import random
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import anyio
from anyio.abc import TaskGroup

from segue_events import backoff
from segue_events.clock import Clock, SystemClock
from segue_events.errors import StreamError
from segue_events.event import Event, seal
from segue_events.ids import new_id
from segue_events.stream import wire
from segue_events.stream.dialing import Line, Lost, dial
from segue_events.stream.failures import EventTooLarge, Unacknowledged, WriterClosed
from segue_events.stream.spool import Batch, Spool, SpoolStatistics

__all__ = ("Writer",)

# What surrounds the rows of a publish message is well below this.
_ENVELOPE = 1024
# The largest event, as rows go: what a server takes by default, without the rest of the message.
_MAX_EVENT = 1024 * 1024 - _ENVELOPE
# Batches on their way at a time: enough to keep a server busy over a distance, few enough to bound its memory.
_WINDOW = 8
_BATCH_BYTES = 256 * 1024


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
        self._hello = wire.Hello(token=token or "")
        self._spool = Spool(url, spool_bytes)
        self._closing_seconds = closing_seconds
        self._clock = clock or SystemClock()
        self._name = new_id()
        self._delays = _delays()
        self._failure: StreamError | None = None
        self._trouble = "no connection yet"
        self._batch_bytes = _BATCH_BYTES
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()  # something to send, or room to send it
        self._progress = asyncio.Event()  # something was acknowledged, or never will be

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
                await self._acknowledged(self._spool.published)
        finally:
            self._group.cancel_scope.cancel()
            await self._group.__aexit__(None, None, None)
            trouble, self._failure = self._failure or self._trouble, WriterClosed(self._url)
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
        if self._loop is not None and not self._wake.is_set():
            self._loop.call_soon_threadsafe(self._wake.set)

    async def flushed(self) -> None:
        """Wait until everything published before is committed; raises the server's refusal if it never will be."""
        await self._acknowledged(self._spool.published)
        if self._failure is not None:
            raise self._failure

    def statistics(self) -> SpoolStatistics:
        """The counters of the spool."""
        return self._spool.statistics()

    async def _acknowledged(self, events: int) -> None:
        while self._spool.acknowledged < events and self._failure is None:
            self._progress.clear()
            await self._progress.wait()

    async def _run(self) -> None:
        try:
            while True:
                try:
                    await self._converse()
                except Lost as lost:
                    self._trouble = str(lost)
                    await self._clock.sleep(next(self._delays))
        except StreamError as refusal:
            self._failure = refusal
            self._progress.set()

    async def _converse(self) -> None:
        """Send and collect acknowledgements over one connection, until it fails."""
        line = await dial(self._url, wire.ClientSide(self._hello))
        end: Lost | StreamError = Lost("the writer hung up")
        try:
            async with anyio.create_task_group() as group:
                welcomed = anyio.Event()
                group.start_soon(self._send, line, welcomed)
                end = await self._collect(line, welcomed)
                group.cancel_scope.cancel()
        finally:
            await line.close()
        raise end

    async def _collect(self, line: Line, welcomed: anyio.Event) -> Lost | StreamError:
        """Take acknowledgements until the connection ends, and return how it did."""
        try:
            while True:
                match await line.receive():
                    case wire.Welcome(max_frame=limit):
                        self._batch_bytes = min(_BATCH_BYTES, limit - _ENVELOPE)
                        self._delays = _delays()
                        welcomed.set()
                    case wire.Ack(number=number):
                        self._spool.acknowledge(number)
                        self._progress.set()
                        self._wake.set()
                    case _:
                        pass  # a connection that subscribed to nothing is sent nothing else
        except (Lost, StreamError) as end:
            return end

    async def _send(self, line: Line, welcomed: anyio.Event) -> None:
        try:
            await welcomed.wait()
            for batch in self._spool.unacknowledged:
                await line.send(self._frame(batch))
            while True:
                await line.send(self._frame(await self._next_batch()))
        except (Lost, StreamError):
            return  # the collector meets the same end and reports it

    async def _next_batch(self) -> Batch:
        while True:
            if len(self._spool.unacknowledged) < _WINDOW:
                batch = self._spool.take(self._batch_bytes)
                if batch is not None:
                    return batch
            await self._wake.wait()
            self._wake.clear()

    def _frame(self, batch: Batch) -> bytes:
        return wire.publish_frame(self._name, batch.number, batch.rows)


def _delays() -> Iterator[float]:
    """Seconds before each attempt to connect again."""
    return backoff.exponential(0.1, 2.0, 10.0, 0.2, random.random)
