"""Which runs a reader wants, and how many at a time: FlowRunFilter, TaskRunFilter, Page, and their SQL."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import msgspec

from segue.projection import TYPE_CODES
from segue.states import StateType
from segue_events.ids import id_at_rest

T = TypeVar("T")


class FlowRunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which flow runs: those that fit every field that is given, and any one value of it.

    `types` and `states` are the types and the names of states; of `tags` a run must have all. `since` and `until`
    bound when a run was created, in µs since the epoch: `since` is included, `until` is not. `search` is a text that
    the name of the run or of its flow holds, in small or capital letters. `deployments` are
    whole ids. `top_level` leaves out the runs that were called in another one.
    """

    flows: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    types: tuple[StateType, ...] = ()
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    search: str = ""
    deployments: tuple[str, ...] = ()
    top_level: bool = False


class TaskRunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which task runs: those that fit every field that is given, and any one value of it.

    `flow_run` is the whole id of a flow run, "" for task runs outside of flows; None for those of all. The other
    fields are as in FlowRunFilter; `search` looks into the name of the run, which holds its task's.
    """

    flow_run: str | None = None
    tasks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    types: tuple[StateType, ...] = ()
    states: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    search: str = ""


class Page(msgspec.Struct, Generic[T], frozen=True):
    """Some of the items, and the cursor that brings the next ones; None at the end.

    There may be fewer than were asked for, and more all the same: a look stops after so many that did not fit.
    """

    items: list[T]
    next: str | None = None


class Conditions:
    """A WHERE clause and its parameters, built up one condition at a time."""

    def __init__(self, *conditions: str) -> None:
        self._conditions = list(conditions)
        self.params: list[Any] = []

    @property
    def condition(self) -> str:
        """All that is demanded, as one condition."""
        return " AND ".join(self._conditions) or "TRUE"

    @property
    def sql(self) -> str:
        """The clause, with its WHERE."""
        return f"WHERE {self.condition}" if self._conditions else ""

    def add(self, condition: str, *params: Any) -> None:
        """Demand one thing more."""
        self._conditions.append(condition)
        self.params += params

    def all_of(self, others: "Conditions") -> None:
        """Demand all that the others do."""
        self.add(others.condition, *others.params)

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

    def tags(self, tags: Sequence[str]) -> None:
        """Demand all of these tags."""
        for tag in tags:
            # The text as JSON has it is looked for first, which leaves few rows to take apart.
            self.add("instr(tags, ?)", msgspec.json.encode(tag).decode())
            self.add("EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?)", tag)

    def created(self, since: int | None, until: int | None) -> None:
        """Demand that a run was created from an instant on, and before another one."""
        if since is not None:
            self.add("created >= ?", since)
        if until is not None:
            self.add("created < ?", until)

    def search(self, text: str, *columns: str) -> None:
        """Demand that one of the columns holds the text; an empty one is no demand."""
        if text:
            escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            either = " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in columns)
            self.add(f"({either})", *[f"%{escaped}%"] * len(columns))


def flow_run_conditions(wanted: FlowRunFilter) -> Conditions:
    """Return the filter as conditions upon the table flow_run."""
    # A run that was deleted while it went on leaves a row of its last states, without a name.
    where = Conditions("flow IS NOT NULL")
    where.any_of("flow", wanted.flows)
    where.any_of("name", wanted.names)
    where.types(wanted.types)
    where.states(wanted.states)
    where.tags(wanted.tags)
    where.created(wanted.since, wanted.until)
    where.search(wanted.search, "name", "flow")
    if wanted.deployments:
        marks = ", ".join("?" * len(wanted.deployments))
        in_line = f"SELECT run FROM work_item WHERE deployment IN ({marks})"
        where.add(f"id IN ({in_line})", *(id_at_rest(one) for one in wanted.deployments))
    if wanted.top_level:
        where.add("parent IS NULL")
    return where


def task_run_conditions(wanted: TaskRunFilter) -> Conditions:
    """Return the filter as conditions upon the table task_run, except for its flow run."""
    where = Conditions()
    where.any_of("task", wanted.tasks)
    where.any_of("name", wanted.names)
    where.types(wanted.types)
    where.states(wanted.states)
    where.tags(wanted.tags)
    where.created(wanted.since, wanted.until)
    where.search(wanted.search, "name")
    return where
