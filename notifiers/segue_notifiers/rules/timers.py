"""Timers: when whom to ask."""

from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

# So many outdated entries are borne before they are thrown out.
_OUTDATED = 64


def earlier(one: int | None, other: int | None) -> int | None:
    """Return the earlier of two instants, of which None never comes."""
    if one is None or (other is not None and other < one):
        return other
    return one


class Timers(Generic[Key]):
    """One instant (µs) per key."""

    def __init__(self) -> None:
        self._at: dict[Key, int] = {}
        # Entries that `_at` does not know are outdated. The number keeps keys from being compared.
        self._heap: list[tuple[int, int, Key]] = []
        self._number = 0

    def set(self, key: Key, at: int | None) -> None:
        """Set the key's instant, in place of the one it had; None for none."""
        if self._at.get(key) == at:
            return
        if at is None:
            del self._at[key]
        else:
            self._at[key] = at
            self._number += 1
            heappush(self._heap, (at, self._number, key))
        if len(self._heap) > 2 * len(self._at) + _OUTDATED:
            self._heap = [entry for entry in self._heap if self._at.get(entry[2]) == entry[0]]
            heapify(self._heap)

    def next(self) -> int | None:
        """The earliest instant; None if there is none."""
        heap = self._heap
        while heap and self._at.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def take(self, now: int) -> list[Key]:
        """Take out the keys whose instant has come, the earliest first."""
        keys: list[Key] = []
        while (at := self.next()) is not None and at <= now:
            keys.append(heappop(self._heap)[2])
            del self._at[keys[-1]]
        return keys
