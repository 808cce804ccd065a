"""Filter: which events one wants; as a question to an event, and as a condition in SQL."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from segue_events.event import Event
from segue_events.ids import id_at_rest

__all__ = ("Filter",)

# A kind's verdict is remembered; a journal has some dozens of kinds, so this bound is only against abuse.
_REMEMBERED_KINDS = 1_000


class Filter(msgspec.Struct, frozen=True):
    """All conditions must hold; an empty one always does.

    `kinds` are names, in which `*` stands for any text; those with a leading `!` are not wanted. `runs` and `subjects`
    are ids. `since` (inclusive) and `until` (exclusive) are in µs since the epoch, and compared to `occurred`.
    """

    kinds: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None

    def matches(self, event: Event) -> bool:
        """Whether the event is wanted."""
        if self.kinds and not _Kinds.of(self.kinds).wants(event.kind):
            return False
        if self.runs and event.run not in self.runs:
            return False
        if self.subjects and event.subject not in self.subjects:
            return False
        if self.since is not None and event.occurred < self.since:
            return False
        return self.until is None or event.occurred < self.until

    def select(self, events: Sequence[Event]) -> list[Event]:
        """Return those of the events that are wanted; of a whole batch, each kind is looked at once."""
        if not self.kinds:
            return [event for event in events if self.matches(event)]
        kinds = _Kinds.of(self.kinds)
        wanted = {kind for kind in {event.kind for event in events} if kinds.wants(kind)}
        if not wanted:
            return []
        return [event for event in events if event.kind in wanted and self.matches(event)]

    def where(self) -> tuple[str, list[Any]]:
        """Return the condition upon a row `event` of the journal's tables, and its parameters."""
        conditions: list[str] = []
        parameters: list[Any] = []

        def add(condition: str, values: Iterable[Any]) -> None:
            conditions.append(condition)
            parameters.extend(values)

        wanted, unwanted = _split(self.kinds)
        if wanted:
            add(f"event.kind IN (SELECT number FROM event_kind WHERE {_globs(wanted)})", map(_sql_glob, wanted))
        if unwanted:
            add(f"event.kind NOT IN (SELECT number FROM event_kind WHERE {_globs(unwanted)})", map(_sql_glob, unwanted))
        if self.runs:
            add(_run_is(self.runs), map(id_at_rest, self.runs))
        if self.subjects:
            add(f"event.subject IN ({_marks(self.subjects)})", map(id_at_rest, self.subjects))
        if self.since is not None:
            add("event.occurred >= ?", [self.since])
        if self.until is not None:
            add("event.occurred < ?", [self.until])
        return " AND ".join(conditions) or "TRUE", parameters


def _run_is(runs: tuple[str, ...]) -> str:
    """The condition that an event is of one of the runs; of a single one, the index by run gives them in order."""
    number = "SELECT number FROM event_run WHERE id"
    return f"event.run = ({number} = ?)" if len(runs) == 1 else f"event.run IN ({number} IN ({_marks(runs)}))"


class _Kinds:
    """The globs of a filter, compiled, with their verdicts so far."""

    def __init__(self, globs: tuple[str, ...]) -> None:
        wanted, unwanted = _split(globs)
        self._wanted = _pattern(wanted or ["*"])
        self._unwanted = _pattern(unwanted)
        self._verdicts: dict[str, bool] = {}

    @staticmethod
    @lru_cache(maxsize=256)
    def of(globs: tuple[str, ...]) -> "_Kinds":
        return _Kinds(globs)

    def wants(self, kind: str) -> bool:
        verdict = self._verdicts.get(kind)
        if verdict is None:
            verdict = bool(self._wanted.fullmatch(kind)) and not self._unwanted.fullmatch(kind)
            if len(self._verdicts) < _REMEMBERED_KINDS:
                self._verdicts[kind] = verdict
        return verdict


def _split(globs: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The wanted ones, and the unwanted ones without their mark."""
    return [glob for glob in globs if not glob.startswith("!")], [glob[1:] for glob in globs if glob.startswith("!")]


def _pattern(globs: list[str]) -> re.Pattern[str]:
    # Without any glob, a pattern that matches nothing.
    texts = [".*".join(map(re.escape, glob.split("*"))) for glob in globs]
    return re.compile("|".join(texts) or r"(?!)", re.DOTALL)


def _globs(globs: list[str]) -> str:
    return " OR ".join(["name GLOB ?"] * len(globs))


def _sql_glob(glob: str) -> str:
    """The glob in SQLite's form, where more characters than `*` are special."""
    return re.sub(r"[?\[]", r"[\g<0>]", glob)


def _marks(values: tuple[str, ...]) -> str:
    return ",".join("?" * len(values))
