"""Events on their way to a server: queued, sent in numbered batches, kept until the batch is acknowledged."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from segue_events.stream.failures import SpoolFull

__all__ = ("Batch", "Outbox", "Spool", "SpoolStatistics")


@dataclass(frozen=True, slots=True)
class Batch:
    """Encoded rows that travel, and are acknowledged, together."""

    number: int
    rows: list[bytes]


@dataclass(frozen=True, slots=True)
class SpoolStatistics:
    """How many events were taken, acknowledged and turned away so far, and the bytes held now."""

    published: int
    acknowledged: int
    refused: int
    held_bytes: int


class Outbox(Protocol):
    """Where batches wait to be sent and acknowledged, in order; `acknowledged` counts events."""

    @property
    def acknowledged(self) -> int: ...

    @property
    def unacknowledged(self) -> tuple[Batch, ...]:
        """The batches that were taken and not yet acknowledged, oldest first."""
        ...

    def take(self, max_bytes: int, max_events: int = 1000) -> Batch | None:
        """Make the next batch of what is queued, of one event at least; None when nothing is."""
        ...

    def acknowledge(self, number: int) -> None:
        """Let go of the batches up to this number."""
        ...


class Spool:
    """A bounded queue, in order; `put` may be called in any thread, the rest belongs to one.

    `limit` bounds the bytes of all events that are not acknowledged; `url` is for the error's sentence.
    """

    def __init__(self, url: str, limit: int) -> None:
        self._url = url
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._sent: deque[Batch] = deque()
        self._next_number = 1
        self._size = 0
        self.published = 0
        self.acknowledged = 0
        self.refused = 0

    def __len__(self) -> int:
        return self.published - self.acknowledged

    @property
    def unacknowledged(self) -> tuple[Batch, ...]:
        """The batches that were taken and not yet acknowledged, oldest first."""
        return tuple(self._sent)

    def put(self, row: bytes) -> None:
        """Queue one event; raises SpoolFull, and counts it, when it would pass the bound."""
        with self._lock:
            if self._size + len(row) > self._limit:
                self.refused += 1
                raise SpoolFull(self._url, len(self), self._size)
            self._waiting.append(row)
            self._size += len(row)
            self.published += 1

    def take(self, max_bytes: int, max_events: int = 1000) -> Batch | None:
        """Make the next batch of what is queued, of one event at least; None when nothing is."""
        rows: list[bytes] = []
        size = 0
        with self._lock:
            while self._waiting and len(rows) < max_events and (not rows or size + len(self._waiting[0]) <= max_bytes):
                rows.append(self._waiting.popleft())
                size += len(rows[-1]) + 1
        if not rows:
            return None
        batch = Batch(self._next_number, rows)
        self._next_number += 1
        self._sent.append(batch)
        return batch

    def acknowledge(self, number: int) -> None:
        """Let go of the batches up to this number."""
        with self._lock:
            while self._sent and self._sent[0].number <= number:
                batch = self._sent.popleft()
                self._size -= sum(map(len, batch.rows))
                self.acknowledged += len(batch.rows)

    def statistics(self) -> SpoolStatistics:
        """The counters, now."""
        with self._lock:
            return SpoolStatistics(self.published, self.acknowledged, self.refused, self._size)
