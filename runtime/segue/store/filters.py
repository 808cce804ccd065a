"""Which runs a reader wants, and how many at a time: FlowRunFilter, Page, and their SQL."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from segue.projection import TYPE_CODES
from segue.states import StateType

T = TypeVar("T")


class FlowRunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which flow runs: those that fit every field that is given, and any one value of it.

    `types` and `states` are the types and the names of states; of `tags` a run must have all. `since` and `until`
    bound when a run was created, in µs since the epoch: `since` is included, `until` is not. `top_level` leaves out
    the runs that were called in another one.
    """

    flows: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    types: tuple[StateType, ...] = ()
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    top_level: bool = False


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of the items, and the cursor that brings the next ones; None at the end."""

    items: list[T]
    next: str | None = None


class Conditions:
    """A WHERE clause and its parameters, built up one condition at a time."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.params: list[Any] = []

    @property
    def sql(self) -> str:
        """The clause, with its WHERE."""
        return f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""

    def add(self, condition: str, *params: Any) -> None:
        """Demand one thing more."""
        self._conditions.append(condition)
        self.params += params

    def any_of(self, column: str, values: Sequence[Any]) -> None:
        """Demand that the column has one of the values; no values, no demand."""
        if values:
            self.add(f"{column} IN ({', '.join('?' * len(values))})", *values)

    def types(self, types: Sequence[StateType]) -> None:
        """Demand one of these types of state."""
        self.any_of("type", [TYPE_CODES[kind] for kind in types])

    def states(self, names: Sequence[str]) -> None:
        """Demand one of these names of states; tables leave out the default name of a type."""
        if not names:
            return
        defaults = [code for kind, code in TYPE_CODES.items() if kind.value.capitalize() in names]
        either = [f"state IN ({', '.join('?' * len(names))})"]
        if defaults:
            either.append(f"state IS NULL AND type IN ({', '.join('?' * len(defaults))})")
        self.add(f"({' OR '.join(either)})", *names, *defaults)


def flow_run_conditions(wanted: FlowRunFilter) -> Conditions:
    """Return the filter as conditions upon the table flow_run."""
    # A run that was deleted while it went on leaves a row of its last states, without a name.
    where = Conditions("flow IS NOT NULL")
    where.any_of("flow", wanted.flows)
    where.any_of("name", wanted.names)
    where.types(wanted.types)
    where.states(wanted.states)
    for tag in wanted.tags:
        where.add("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)", tag)
    if wanted.since is not None:
        where.add("created >= ?", wanted.since)
    if wanted.until is not None:
        where.add("created < ?", wanted.until)
    if wanted.top_level:
        where.add("parent IS NULL")
    return where
