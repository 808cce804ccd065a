"""DiskSpool: an outbox on disk: what a server has not acknowledged outlives its absence, and this process."""

import logging
import threading
from collections import deque
from dataclasses import dataclass

from segue.far.segments import Place, Segment, SpoolFolder
from segue_events.stream.spool import Batch

__all__ = ("DiskSpool",)

_LOGGER = logging.getLogger("segue.server")

# Rows are written when there are so many bytes of them, or when they are to be sent: a write takes as long as 100 rows.
_WRITE_BYTES = 64 * 1024
# A segment is deleted when all of it is acknowledged.
_SEGMENT_BYTES = 4 * 1024 * 1024
# What is held in memory while the disk takes nothing.
_MEMORY_BYTES = 64 * 1024 * 1024


@dataclass(slots=True)
class _Sent:
    """A batch on its way, how many bytes of rows it has, and where it ends on disk (None: it never was there)."""

    batch: Batch
    size: int
    end: Place | None


class DiskSpool:
    """An Outbox in a folder; `put` and the counters may be used in any thread, the rest in one.

    Rows go to disk before they are sent, and a row that is taken survives the death of this process once `sync` has
    returned, or 64 KiB of others have followed it. While the disk takes nothing, rows are kept in memory, up to 64 MiB.
    """

    def __init__(self, folder: SpoolFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._tail: list[bytes] = []
        self._tail_bytes = 0
        self._sent: deque[_Sent] = deque()
        self._next_number = 1
        self._held = 0
        self.published = 0
        self.acknowledged = 0
        self.failure: OSError | None = None
        self._load()

    def _load(self) -> None:
        """Take over what a process before has left."""
        done = self._folder.acknowledged()
        self._segments = deque(Segment(self._folder.path, number) for number in self._folder.numbers() or [1])
        while len(self._segments) > 1 and self._segments[0].number < done.number:
            self._segments.popleft().delete()
        first = self._segments[0]
        self._read = Place(first.number, min(done.offset, first.size) if first.number == done.number else 0)
        for segment in self._segments:
            rows = segment.rows(self._read.offset if segment is first else 0, segment.size, segment.size)
            self.published += len(rows)
            self._held += sum(map(len, rows)) + len(rows)

    def __len__(self) -> int:
        return self.published - self.acknowledged

    @property
    def path(self) -> str:
        """The folder."""
        return str(self._folder.path)

    @property
    def held_bytes(self) -> int:
        """The bytes of all rows that are not acknowledged."""
        return self._held

    @property
    def unacknowledged(self) -> tuple[Batch, ...]:
        """See Outbox."""
        return tuple(sent.batch for sent in self._sent)

    def put(self, row: bytes) -> bool:
        """Take a row; False, and it is not taken, while the disk takes nothing and memory holds too much."""
        with self._lock:
            if self.failure is not None and self._tail_bytes > _MEMORY_BYTES:
                return False
            self._tail.append(row)
            self._tail_bytes += len(row) + 1
            self._held += len(row) + 1
            self.published += 1
            # After a failure, only every so often: each attempt costs as much as the last.
            if self._tail_bytes >= _WRITE_BYTES and (self.failure is None or not self.published % 1000):
                self._write_tail()
        return True

    def take(self, max_bytes: int, max_events: int = 1000) -> Batch | None:
        """See Outbox."""
        with self._lock:
            self._write_tail()
            rows = self._on_disk(max_bytes, max_events)
            end: Place | None = self._read
            if not rows and self._tail:
                rows, end = self._in_memory(max_bytes, max_events), None
            if not rows:
                return None
            batch = Batch(self._next_number, rows)
            self._next_number += 1
            self._sent.append(_Sent(batch, sum(map(len, rows)) + len(rows), end))
            return batch

    def acknowledge(self, number: int) -> None:
        """See Outbox."""
        place: Place | None = None
        with self._lock:
            while self._sent and self._sent[0].batch.number <= number:
                sent = self._sent.popleft()
                self.acknowledged += len(sent.batch.rows)
                self._held -= sent.size
                place = sent.end or place
            if place is not None:
                self._let_go(place)

    def sync(self) -> None:
        """Bring all that was put onto the disk for good; raises OSError if that cannot be done."""
        with self._lock:
            self._write_tail()
            if self.failure is not None:
                raise self.failure
            last = self._segments[-1]
        last.sync()

    def close(self) -> None:
        """Leave what is not acknowledged to the next process, and nothing where there is nothing of that kind."""
        with self._lock:
            self._write_tail()
            if len(self) == 0:
                while self._segments:
                    self._segments.popleft().delete()
                self._folder.delete()
            else:
                for segment in self._segments:
                    segment.close()
                self._folder.close()

    def abandon(self) -> None:
        """Leave it to the process that this one was forked from."""
        self._folder.close()

    # --- under the lock ---

    def _write_tail(self) -> None:
        if not self._tail:
            return
        try:
            if self._segments[-1].size >= _SEGMENT_BYTES:
                self._segments.append(Segment(self._folder.path, self._segments[-1].number + 1))
            self._segments[-1].append(b"\n".join([*self._tail, b""]))
        except OSError as error:
            if self.failure is None:
                _LOGGER.error("What is to be sent to the server cannot be kept in %s: %s.", self.path, error.strerror)
            self.failure = error
            return
        self.failure = None
        self._tail.clear()
        self._tail_bytes = 0

    def _on_disk(self, max_bytes: int, max_events: int) -> list[bytes]:
        segment = self._reading()
        if segment.size == self._read.offset and segment is not self._segments[-1]:
            self._read = Place(segment.number + 1, 0)
            segment = self._reading()
        if segment.size == self._read.offset:
            return []
        rows = segment.rows(self._read.offset, max_bytes, max_events)
        self._read = Place(segment.number, self._read.offset + sum(map(len, rows)) + len(rows))
        return rows

    def _reading(self) -> Segment:
        return self._segments[self._read.number - self._segments[0].number]

    def _in_memory(self, max_bytes: int, max_events: int) -> list[bytes]:
        count = size = 0
        while count < min(len(self._tail), max_events) and (count == 0 or size + len(self._tail[count]) < max_bytes):
            size += len(self._tail[count]) + 1
            count += 1
        rows, self._tail = self._tail[:count], self._tail[count:]
        self._tail_bytes -= size
        return rows

    def _let_go(self, place: Place) -> None:
        self._folder.note(place)
        while self._segments[0].number < place.number:
            self._segments.popleft().delete()
