"""Crowd: which messages of a rule are told as one, when too many of them wait for a target."""

from collections.abc import Sequence

from segue_notifiers.message import Message, Severity
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.queue import Queue
from segue_notifiers.outbox.records import dedupe_key

MANY = 20
FIRST = 5
NAMED = 10

_BY_SEVERITY: Sequence[Severity] = ("info", "success", "warning", "failure")


class Crowd:
    """Of each rule with more than 20 messages waiting, the first 5 go by themselves, and then the rest as a digest.

    The digest is made at the last moment, when it can be sent, so that it holds all that has come by then.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = {}

    def condense(self, queue: Queue, first: Entry) -> list[Entry]:
        """Return what is to be told as one now that `first` could be sent; empty if `first` is to go by itself."""
        count = queue.singles(first.rule)
        if first.absorbed or (first.rule not in self._left and count <= MANY):
            return []
        if self._left.setdefault(first.rule, FIRST) > 0:
            return []
        del self._left[first.rule]
        return queue.of_rule(first.rule) if count > 1 else []

    def done(self, entry: Entry) -> None:
        """Note that the target has taken the entry, or will never."""
        if entry.rule in self._left and not entry.absorbed:
            self._left[entry.rule] -= 1


def digest_of(entries: Sequence[Entry], deadline: int) -> Entry:
    """Return the one entry, to be tried until `deadline` (µs since 1970), that goes in the stead of these of one rule.

    It says how many they are and names the latest; it is as severe as the most severe of them.
    """
    last = entries[-1]
    named = [entry.message.title for entry in entries[-NAMED:]]
    before = [f"… and {len(entries) - len(named):,} before them"] if len(entries) > len(named) else []
    message = Message(
        id=dedupe_key("digest", *(entry.id for entry in entries)),
        title=f"{len(entries):,} more of {last.rule}",
        body="\n".join(["The latest are:", *(f"  {title}" for title in reversed(named)), *before]),
        severity=_BY_SEVERITY[max(_BY_SEVERITY.index(entry.message.severity) for entry in entries)],
        rule=last.rule,
    )
    return Entry(
        message=message,
        target=last.target,
        deadline=deadline,
        absorbed=tuple(entry.id for entry in entries),
    )
