"""Carrying batches from an outbox to a server, over as many connections as it takes, until they are acknowledged."""

import asyncio
import random
from collections.abc import Iterator

import anyio

from segue_events import backoff
from segue_events.clock import Clock
from segue_events.errors import StreamError
from segue_events.ids import new_id
from segue_events.stream import wire
from segue_events.stream.dialing import Dial, Line, Lost, dial
from segue_events.stream.spool import Batch, Outbox

__all__ = ("ENVELOPE", "Carrier")

ENVELOPE = 1024
"""What surrounds the rows of a publish message is well below this, in bytes."""

# Batches on their way at a time: enough to keep a server busy over a distance, few enough to bound its memory.
_WINDOW = 8
_BATCH_BYTES = 256 * 1024


class Carrier:
    """Sends what is in the outbox in order, and again until it is acknowledged; all its methods belong to one loop.

    `trouble` says why there is no connection, "" while there is one, None until the first attempt has ended. `place`
    is where the journal was before anything was carried there, as a cursor's text, and `head` the seq it has come to.
    """

    def __init__(self, url: str, hello: wire.Hello, outbox: Outbox, clock: Clock, dial: Dial = dial) -> None:
        self.trouble: str | None = None
        self.place: str | None = None
        self.head = 0
        self._url = url
        self._hello = hello
        self._outbox = outbox
        self._clock = clock
        self._dial = dial
        self._name = new_id()
        self._delays = _delays()
        self._batch_bytes = _BATCH_BYTES
        self._ended = False
        self._wake = asyncio.Event()  # something to send, or room to send it
        self._progress = asyncio.Event()  # something was acknowledged, or the connection has come or gone

    @property
    def is_awake(self) -> bool:
        """Whether it knows already that there is something to send; for any thread."""
        return self._wake.is_set()

    def wake(self) -> None:
        """Look into the outbox: there is something to send."""
        self._wake.set()

    async def run(self) -> None:
        """Carry for ever; raises StreamRefused or WireError when the server will not have it."""
        self._ended = False
        try:
            while True:
                try:
                    await self._converse()
                except Lost as lost:
                    self._tell(str(lost))
                    await self._clock.sleep(next(self._delays))
        except StreamError as refusal:
            self._ended = True
            self._tell(str(refusal))
            raise

    async def acknowledged(self, events: int) -> None:
        """Wait until so many events are acknowledged, or `run` has ended."""
        while self._outbox.acknowledged < events and not self._ended:
            await self.progress()

    async def progress(self) -> None:
        """Wait until something is acknowledged, or the connection comes or goes."""
        self._progress.clear()
        await self._progress.wait()

    def _tell(self, trouble: str) -> None:
        self.trouble = trouble
        self._progress.set()

    async def _converse(self) -> None:
        """Send and collect acknowledgements over one connection, until it fails."""
        line = await self._dial(self._url, wire.ClientSide(self._hello))
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
                    case wire.Welcome(cursor=place, max_frame=limit):
                        self.place = self.place or place
                        self._batch_bytes = min(_BATCH_BYTES, limit - ENVELOPE)
                        self._delays = _delays()
                        self._tell("")
                        welcomed.set()
                    case wire.Ack(number=number, head=head):
                        self.head = head
                        self._outbox.acknowledge(number)
                        self._progress.set()
                        self._wake.set()
                    case _:
                        pass  # a connection that subscribed to nothing is sent nothing else
        except (Lost, StreamError) as end:
            return end

    async def _send(self, line: Line, welcomed: anyio.Event) -> None:
        try:
            await welcomed.wait()
            for batch in self._outbox.unacknowledged:
                await line.send(self._frame(batch))
            while True:
                await line.send(self._frame(await self._next_batch()))
        except (Lost, StreamError):
            return  # the collector meets the same end and reports it

    async def _next_batch(self) -> Batch:
        while True:
            if len(self._outbox.unacknowledged) < _WINDOW:
                batch = self._outbox.take(self._batch_bytes)
                if batch is not None:
                    return batch
            await self._wake.wait()
            self._wake.clear()

    def _frame(self, batch: Batch) -> bytes:
        return wire.publish_frame(self._name, batch.number, batch.rows)


def _delays() -> Iterator[float]:
    """Seconds before each attempt to connect again."""
    return backoff.exponential(0.1, 2.0, 10.0, 0.2, random.random)
