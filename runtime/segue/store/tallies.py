"""Tallies: how many flow runs there are, by the type of their state; in all, over time, and of each flow."""

from operator import itemgetter
from typing import Any, NamedTuple

from segue.projection import TYPE_CODES
from segue.records import FlowRun
from segue.states import StateType
from segue.store.filters import Conditions, FlowRunFilter, Page, flow_run_conditions
from segue.store.rows import FLOW_RUN, FlowRunRow
from segue.store.source import Source

__all__ = ("Bucket", "FlowTally", "count", "flow", "flows", "history")

_TYPES = {code: kind for kind, code in TYPE_CODES.items()}

# Counted type by type, each is a range of the index by type: a tenth of the time of sorting rows into groups.
_CODES = "codes(code) AS (VALUES (0) UNION ALL SELECT code + 1 FROM codes WHERE code < 8)"
_OF_TYPE = "SELECT count(*) FROM flow_run INDEXED BY flow_run_type WHERE type = code AND flow IS NOT NULL"
# The next name is looked for behind the last one: as many steps as there are flows, not as there are runs.
_NAMES = """
WITH RECURSIVE found(label) AS (
    SELECT min(flow) FROM flow_run INDEXED BY flow_run_flow WHERE {after}
    UNION ALL
    SELECT (SELECT min(flow) FROM flow_run INDEXED BY flow_run_flow WHERE flow > label) FROM found
    WHERE label IS NOT NULL
)
SELECT label FROM found {where} LIMIT ?
"""
# Each number is that of a range of the index, and each last run at the end of one.
_OF_FLOW = "FROM flow_run INDEXED BY flow_run_flow WHERE flow = label AND type = code"
_TALLIES = f"""
WITH RECURSIVE {_CODES}, names(label) AS (VALUES {{names}})
SELECT * FROM (
    SELECT label, code, (SELECT count(*) {_OF_FLOW}) AS number, (SELECT count(*) {_OF_FLOW} AND created >= ?),
        (SELECT max(created) {_OF_FLOW}), (SELECT id {_OF_FLOW} ORDER BY created DESC, id DESC LIMIT 1)
    FROM names, codes
) WHERE number > 0
"""


class Bucket(NamedTuple):
    """The flow runs created from `start` to before `end`, in µs since the epoch, by the type of their state."""

    start: int
    end: int
    counts: dict[StateType, int]


class FlowTally(NamedTuple):
    """A flow: how many runs it has of each type of state, how many were created lately, and the last one."""

    name: str
    counts: dict[StateType, int]
    recent: int
    last: FlowRun | None


async def count(source: Source, wanted: FlowRunFilter) -> dict[StateType, int]:
    """Return how many flow runs there are of each type of state, those of none left out."""
    if _is_of_a_time(wanted):
        span = Conditions()
        span.created(wanted.since, wanted.until)
        sql = f"WITH RECURSIVE {_CODES} SELECT code, ({_OF_TYPE} AND {span.condition}) FROM codes"
        rows = await source.query(sql, span.params)
    else:
        where = flow_run_conditions(wanted)
        index = "flow_run_flow" if _is_of_flows(wanted) else "flow_run_created"
        sql = f"SELECT type, count(*) FROM flow_run INDEXED BY {index} {where.sql} GROUP BY type"
        rows = await source.query(sql, where.params)
    return {_TYPES[code]: number for code, number in rows if number}


async def history(source: Source, wanted: FlowRunFilter, since: int, until: int, buckets: int) -> list[Bucket]:
    """Return the counts of each of so many buckets from `since` to before `until`."""
    width = max(-(-(until - since) // buckets), 1)
    if _is_of_a_time(wanted):
        sql = (
            f"WITH RECURSIVE {_CODES}, buckets(bucket) AS"
            " (VALUES (0) UNION ALL SELECT bucket + 1 FROM buckets WHERE bucket < ?3 - 1)"
            f" SELECT bucket, code, ({_OF_TYPE} AND created >= ?1 + bucket * ?2"
            " AND created < min(?1 + (bucket + 1) * ?2, ?4)) FROM buckets, codes"
        )
        rows = await source.query(sql, (since, width, buckets, until))
    else:
        where = flow_run_conditions(wanted)
        where.created(since, until)
        # One number stands for bucket and type: that is quicker to sort by.
        sql = (
            "SELECT place >> 4, place & 15, number FROM (SELECT ((created - ?) / ?) << 4 | type AS place,"
            f" count(*) AS number FROM flow_run INDEXED BY flow_run_created {where.sql} GROUP BY place)"
        )
        rows = await source.query(sql, (since, width, *where.params))
    counts: list[dict[StateType, int]] = [{} for _ in range(buckets)]
    for bucket, code, number in rows:
        if number:
            counts[bucket][_TYPES[code]] = number
    starts = range(since, since + width * buckets, width)
    return [Bucket(start, max(min(start + width, until), start), of) for start, of in zip(starts, counts, strict=True)]


async def flow(source: Source, name: str, since: int) -> FlowTally | None:
    """Return what there is of the flow of this name, None if there is no run of it; for `since` see `flows`."""
    (tally,) = await _tallied(source, [name], since)
    return tally if tally.counts else None


async def flows(source: Source, *, since: int, search: str, limit: int, cursor: str | None) -> Page[FlowTally]:
    """Return a page of flows by name, with a text in it.

    `since` is the instant from which runs count as recent, in µs since the epoch.
    """
    where = Conditions("label IS NOT NULL")
    where.search(search, "label")
    after = "flow >= ''" if cursor is None else "flow > ?"
    params: list[Any] = [] if cursor is None else [cursor]
    found = await source.query(_NAMES.format(after=after, where=where.sql), (*params, *where.params, limit + 1))
    page = [name for (name,) in found[:limit]]
    return Page(await _tallied(source, page, since), page[-1] if len(found) > limit else None)


async def _tallied(source: Source, names: list[str], since: int) -> list[FlowTally]:
    if not names:
        return []
    rows = await source.query(_TALLIES.format(names=", ".join(["(?)"] * len(names))), (*names, since))
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in names}
    for name, *rest in rows:
        found[name].append(tuple(rest))
    last = {name: max(of, key=itemgetter(3))[4] for name, of in found.items() if of}
    # With no run at all, no id is the wanted one.
    which = Conditions()
    which.any_of("id", list(last.values()) or [None])
    runs = await source.query(f"SELECT {FLOW_RUN} FROM flow_run {which.sql}", which.params)
    records = {record.flow_name: record for record in (FlowRunRow(*row).record() for row in runs)}
    return [
        FlowTally(name, {_TYPES[row[0]]: row[1] for row in of}, sum(row[2] for row in of), records.get(name))
        for name, of in found.items()
    ]


def _is_of_a_time(wanted: FlowRunFilter) -> bool:
    """Whether nothing is asked for but when runs were created."""
    return FlowRunFilter(since=wanted.since, until=wanted.until) == wanted


def _is_of_flows(wanted: FlowRunFilter) -> bool:
    """Whether nothing is asked for but flows, types, and when runs were created."""
    asked = FlowRunFilter(flows=wanted.flows, types=wanted.types, since=wanted.since, until=wanted.until)
    return bool(wanted.flows) and asked == wanted
