"""Queue: what waits for one target, in the order in which it is to be sent."""

from heapq import heappop, heappush

import msgspec

from segue_notifiers.outbox.entry import Entry


class Queue:
    """Entries of one target, the earliest first; those that wait for their next attempt are passed over.

    Entries are never searched for: each operation costs the logarithm of how many wait, so thousands may.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._by_rule: dict[str, dict[str, None]] = {}
        # What is no longer so stays in the heaps until it comes to their top.
        self._ready: list[tuple[int, str]] = []
        self._later: list[tuple[int, int, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def put(self, entry: Entry) -> None:
        """Add the entry, or put it in the place of the one of its id."""
        self._entries[entry.id] = entry
        if not entry.absorbed:
            self._by_rule.setdefault(entry.rule, {})[entry.id] = None
        heappush(self._later, (entry.next_at, entry.seq, entry.id))

    def remove(self, key: str) -> None:
        """Take the entry of this id out, if it is there."""
        entry = self._entries.pop(key, None)
        if entry is not None and not entry.absorbed:
            ids = self._by_rule[entry.rule]
            del ids[key]
            if not ids:
                del self._by_rule[entry.rule]

    def get(self, key: str) -> Entry | None:
        """Return the entry of this id."""
        return self._entries.get(key)

    def entries(self) -> list[Entry]:
        """Return all that waits."""
        return list(self._entries.values())

    def first(self, now: int) -> Entry | None:
        """Return the earliest entry whose attempt is due at the instant `now` (µs since 1970); it stays."""
        while self._later and self._later[0][0] <= now:
            _, seq, key = heappop(self._later)
            heappush(self._ready, (seq, key))
        while self._ready:
            entry = self._entries.get(self._ready[0][1])
            if entry is not None and entry.next_at <= now:
                return entry
            heappop(self._ready)
        return None

    def next_at(self) -> int | None:
        """Return the instant (µs since 1970) of the earliest attempt that is not due yet; None if there is none."""
        while self._later:
            instant, _, key = self._later[0]
            entry = self._entries.get(key)
            if entry is not None and entry.next_at == instant:
                return instant
            heappop(self._later)
        return None

    def hasten(self) -> None:
        """Let every attempt be due at once: the target is back."""
        for entry in self.entries():
            if entry.next_at:
                self.put(msgspec.structs.replace(entry, next_at=0))

    def singles(self, rule: str) -> int:
        """Return how many messages of the rule wait, not counting digests."""
        return len(self._by_rule.get(rule, ()))

    def of_rule(self, rule: str) -> list[Entry]:
        """Return the messages of the rule that wait, without its digests, the earliest first."""
        return [self._entries[key] for key in self._by_rule.get(rule, ())]
