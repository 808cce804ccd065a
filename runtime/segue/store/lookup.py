"""Lookup: which run is meant by an id, the beginning of one, or a name."""

from typing import Any, NamedTuple

from segue.exceptions import AmbiguousRun, UnknownRun
from segue.store.source import Source
from segue.suggestions import closest
from segue_events.ids import id_at_rest, id_in_memory

# So many candidates are listed for a text that means several runs; so many runs are looked through for a similar name.
MAX_CANDIDATES = 5
MAX_NAMES = 1000

Stored = bytes | str


class _Kind(NamedTuple):
    """Where runs of a kind are found: the columns that make the key, id first, and the tables."""

    key: str
    id: str
    name: str
    tables: str


# A flow run that was deleted while it went on has left a row without what makes it known.
_FLOW_RUNS = _Kind("id", "id", "name", "(SELECT * FROM flow_run WHERE flow IS NOT NULL)")
_TASK_RUNS = _Kind("id, run", "id", "name", "task_run")


async def flow_run_id(source: Source, wanted: str) -> Stored:
    """Return the stored id of the flow run that is meant; raises UnknownRun or AmbiguousRun."""
    return (await _find(source, wanted, _FLOW_RUNS))[0]


async def task_run_key(source: Source, wanted: str, *, by_name: bool) -> tuple[Stored, Stored]:
    """Return the stored ids of the task run that is meant and of its flow run; raises UnknownRun or AmbiguousRun."""
    task_run, flow_run = await _find(source, wanted, _TASK_RUNS, by_name=by_name)
    return task_run, flow_run


async def _find(source: Source, wanted: str, kind: _Kind, *, by_name: bool = True) -> tuple[Any, ...]:
    """Find by the whole id, else by name, else by the beginning of the id."""
    searches: list[tuple[str, tuple[Any, ...]]] = [(f"{kind.id} = ?", (id_at_rest(wanted),))]
    if by_name:
        searches.append((f"{kind.name} = ?", (wanted,)))
    if bounds := prefix_bounds(wanted):
        searches.append((f"{kind.id} BETWEEN ? AND ?", bounds))
    for condition, params in searches:
        sql = f"SELECT {kind.key} FROM {kind.tables} WHERE {condition} LIMIT {MAX_CANDIDATES + 1}"
        found = await source.query(sql, params)
        if len(found) == 1:
            return found[0]
        if found:
            candidates = [id_in_memory(row[0]) for row in found]
            raise AmbiguousRun(wanted, candidates[:MAX_CANDIDATES], len(candidates) > MAX_CANDIDATES)
    raise UnknownRun(wanted, await _nearest(source, wanted))


async def _nearest(source: Source, wanted: str) -> list[str]:
    """Return the name most like the wanted one among the newest flow runs, if there is one."""
    rows = await source.query(
        "SELECT name FROM flow_run WHERE flow IS NOT NULL ORDER BY created DESC LIMIT ?", (MAX_NAMES,)
    )
    found = closest(wanted, [row[0] for row in rows])
    return [] if found is None else [found]


def prefix_bounds(wanted: str) -> tuple[bytes, bytes] | None:
    """Return the least and the greatest id that begin so, or None for a text that no UUID begins with."""
    shape = "00000000-0000-0000-0000-000000000000"
    digits = wanted.replace("-", "").lower()
    if not digits or len(wanted) > len(shape) or not set(digits) <= set("0123456789abcdef"):
        return None
    if any((character == "-") != (shape[place] == "-") for place, character in enumerate(wanted)):
        return None
    return bytes.fromhex(digits.ljust(32, "0")), bytes.fromhex(digits.ljust(32, "f"))
