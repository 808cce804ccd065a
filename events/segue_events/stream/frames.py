"""Frames of events, encoded once for all subscribers with an equal filter."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from segue_events.event import Event
from segue_events.filter import Filter
from segue_events.stream import wire

__all__ = ("Frame", "FrameCache")


Key: TypeAlias = tuple[Filter | None, int, str]


class Frame(NamedTuple):
    """The bytes of one events message, and the seq of its last event."""

    data: bytes
    through: int


class FrameCache:
    """Cuts batches into frames of at most `max_frame` bytes, and remembers the latest, up to `limit` bytes of them.

    Two subscriptions with equal filters see the same events between two places of the journal, so those three name the
    frames. The last event is named by its id: a seq is used again after the tail of a journal was lost.
    """

    def __init__(self, max_frame: int, limit: int = 8 * 1024 * 1024) -> None:
        self._max_frame = max_frame
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[Key, list[Frame]] = OrderedDict()

    def frames(self, filter: Filter | None, batch: Sequence[Event]) -> list[Frame]:
        """The frames of one batch, which holds an event at least; one larger than a frame has a frame of its own."""
        key = (filter, batch[0].seq, batch[-1].id)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = _cut(batch, self._max_frame)
            self._size += _size(found)
            while self._size > self._limit:
                self._size -= _size(self._kept.popitem(last=False)[1])
        return found


def _cut(batch: Sequence[Event], max_frame: int) -> list[Frame]:
    data = wire.events_frame(batch, batch[-1].seq)
    if len(data) <= max_frame or len(batch) == 1:
        return [Frame(data, batch[-1].seq)]
    half = len(batch) // 2
    return _cut(batch[:half], max_frame) + _cut(batch[half:], max_frame)


def _size(frames: Sequence[Frame]) -> int:
    return sum(len(frame.data) for frame in frames)
