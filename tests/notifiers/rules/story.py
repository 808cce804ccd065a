"""What the stories of the rules share: short makers of news and rules, and a book one can talk to."""

from collections.abc import Mapping
from typing import Any

from segue_events import Event
from segue_notifiers.firing import Firing, News
from segue_notifiers.rules import Match, Reactive, Rule, RuleBook
from segue_notifiers.subject import Subject

SECOND = 1_000_000
# Tuesday, 25 November 2025, 12:00 UTC.
NOON = 1_764_072_000 * SECOND

FAILED = Match(kinds=("flow-run.failed",))
COMPLETED = Match(kinds=("flow-run.completed",))
FAILURES = Reactive(on=FAILED)


def at(seconds: float) -> int:
    """So many seconds after noon, in µs."""
    return NOON + round(seconds * SECOND)


def news(
    name: str = "e",
    seconds: float = 0,
    kind: str = "flow-run.failed",
    *,
    run: str = "r",
    payload: Mapping[str, Any] | None = None,
    **subject: Any,
) -> News:
    """News of a flow run that stands alone, so many seconds after noon."""
    event = Event(kind=kind, run=run, subject=run, occurred=at(seconds), id=name, payload=dict(payload or {}))
    return News(event, Subject(noun="flow run", name="etl/brave-otter", **subject))


def rule(**fields: Any) -> Rule:
    """A rule on failures, except for what is given."""
    return Rule(**{"name": "failures", "when": FAILURES, **fields})


class Story:
    """A book, told by seconds after noon."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self.book = RuleBook(rules)

    def happens(
        self, seconds: float, name: str = "", kind: str = "flow-run.failed", *, seen: float | None = None, **fields: Any
    ) -> list[Firing]:
        """Something happens, and is seen at once, or later; its name is its time if it has no other."""
        what = news(name or f"at {seconds:g}", seconds, kind, **fields)
        return self.book.see(what, at(seconds if seen is None else seen))

    def passes(self, seconds: float) -> list[Firing]:
        """Time passes until then, and each thing that is due is told when it is."""
        told: list[Firing] = []
        while (due := self.book.next_due()) is not None and due <= at(seconds):
            told += self.book.due(max(due, NOON))
        return told

    def restarts(self) -> None:
        """A new process goes on from the snapshot of the old one."""
        self.book = RuleBook(self.rules, self.book.snapshot())


def names(firings: list[Firing]) -> list[tuple[str, ...]]:
    """The names of the events each firing tells of, in short."""
    return [tuple(one.event.id for one in firing.news) for firing in firings]
