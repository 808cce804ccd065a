"""Outbox: what is queued and neither sent nor given up, as a fold of the events of messages."""

import msgspec

from segue_events import Event
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.queue import Queue
from segue_notifiers.outbox.records import DEAD, FAILED, QUEUED, SENT, entry_of


class Outbox:
    """Pure: the same events make the same outbox. `seq` is that of the last event it has seen.

    Events that it has seen already change nothing, so a reader may begin before the place where it stopped.
    """

    def __init__(self) -> None:
        self.seq = 0
        self._queues: dict[str, Queue] = {}
        self._targets: dict[str, str] = {}

    def apply(self, event: Event) -> None:
        """Take in the next event of the journal; those that do not concern messages change nothing."""
        if event.seq <= self.seq:
            return
        self.seq = event.seq
        if event.kind == QUEUED:
            self._queue(event)
        elif event.kind == FAILED:
            self._fail(event)
        elif event.kind in (SENT, DEAD):
            self._remove(str(event.payload.get("message")))

    def skip(self, seq: int) -> None:
        """Note that no event of messages up to this seq is left to be seen."""
        self.seq = max(self.seq, seq)

    def queue(self, target: str) -> Queue:
        """Return what waits for the target; it changes with the outbox."""
        return self._queues.setdefault(target, Queue())

    def pending(self, target: str) -> list[Entry]:
        """Return what waits for the target, the earliest first."""
        queue = self._queues.get(target)
        return queue.entries() if queue else []

    def targets(self) -> list[str]:
        """Return the names of the targets for which something waits."""
        return [target for target, queue in self._queues.items() if len(queue)]

    def resume(self) -> int:
        """Return the seq after which a reader has to begin to know of all that waits now."""
        waiting = (self._queues[target].entries()[0].seq - 1 for target in self.targets())
        return min(waiting, default=self.seq)

    def _queue(self, event: Event) -> None:
        entry = entry_of(event)
        if entry is None:
            return
        for key in entry.absorbed:
            self._remove(key)
        self._targets[entry.id] = entry.target
        self.queue(entry.target).put(entry)

    def _fail(self, event: Event) -> None:
        message, attempt, next_at = (event.payload.get(name) for name in ("message", "attempt", "next"))
        target = self._targets.get(str(message))
        entry = self._queues[target].get(str(message)) if target else None
        if entry is not None and isinstance(attempt, int) and isinstance(next_at, int):
            self._queues[entry.target].put(msgspec.structs.replace(entry, attempts=attempt, next_at=next_at))

    def _remove(self, key: str) -> None:
        target = self._targets.pop(key, None)
        if target is not None:
            self._queues[target].remove(key)
