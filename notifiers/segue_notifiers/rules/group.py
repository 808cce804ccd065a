"""Groups: what a rule remembers, apart for each of the values it tells its news apart by."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from segue_notifiers.rules.cause import Cause
from segue_notifiers.rules.compound import Remembered
from segue_notifiers.rules.escalation import Alarm
from segue_notifiers.rules.pacing import PaceMemory

Key = tuple[str, ...]

# A rule remembers so many groups at most, and after it had to forget some, so many.
MAX_GROUPS = 10_000
KEPT_GROUPS = 9_000

# So many idle groups are borne before they are looked for.
_FEW = 256


class Group(msgspec.Struct):
    """What is remembered of one group.

    `pending` waits for the group to be still at `still_at`; until `silent_until` nothing is told. `open` means that
    something was told and all is not well again; `lag` is by how many µs its news were late. All instants are in µs
    since 1970.
    """

    key: Key
    memory: Remembered
    lag: int = 0
    pending: Cause | None = None
    still_at: int = 0
    silent_until: int = 0
    open: bool = False

    def is_idle(self, now: int) -> bool:
        """Whether, apart from the memory of the condition, there is nothing to be kept."""
        return self.pending is None and not self.open and self.silent_until <= now


class RuleMemory(msgspec.Struct):
    """All that is remembered for one rule, as it is kept; `fingerprint` tells which condition it belongs to."""

    fingerprint: str
    muted_until: int = 0
    suppressed: int = 0
    pace: PaceMemory = msgspec.field(default_factory=PaceMemory)
    alarms: list[Alarm] = []
    groups: list[Group] = []


class Groups:
    """The groups of one rule, those that were touched last at the end."""

    def __init__(self, groups: Iterable[Group], is_idle: Callable[[Group], bool]) -> None:
        self._groups = {group.key: group for group in groups}
        self._is_idle = is_idle
        self._sweep_at = max(_FEW, 2 * len(self._groups))

    def __iter__(self) -> Iterator[Group]:
        return iter(self._groups.values())

    def get(self, key: Key) -> Group | None:
        """The group, if there is something to remember of it."""
        return self._groups.get(key)

    def keep(self, group: Group) -> list[Group]:
        """Keep the group as the one touched last; return those that were forgotten to make room."""
        self._groups.pop(group.key, None)
        self._groups[group.key] = group
        if len(self._groups) <= min(self._sweep_at, MAX_GROUPS):
            return []
        return self._sweep()

    def forget(self, key: Key) -> None:
        """Keep nothing of the group."""
        self._groups.pop(key, None)

    def _sweep(self) -> list[Group]:
        gone = [group for group in self if self._is_idle(group)]
        left = len(self._groups) - len(gone)
        if left > KEPT_GROUPS:
            busy = [group for group in self if not self._is_idle(group)]
            gone += busy[: left - KEPT_GROUPS]
        for group in gone:
            del self._groups[group.key]
        self._sweep_at = max(_FEW, 2 * len(self._groups))
        return gone
