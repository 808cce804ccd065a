"""Events: pages of what the journal holds, in either direction."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from segue.store.cursors import number_in
from segue.store.filters import Page
from segue.store.source import Source, events_at
from segue_events import Event, Filter
from segue_events.ids import id_at_rest

__all__ = ("WINDOW", "Events", "Part")

# So many events are looked at for one page, in some 15 ms.
WINDOW = 100_000


class Part(NamedTuple):
    """Which part of the journal, and from which end: events after the seq `after`, `limit` of them, behind a cursor."""

    after: int = 0
    newest: bool = False
    limit: int = 200
    cursor: str | None = None


class Events:
    """Reads events by what they are about."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def page(
        self, wanted: Filter, part: Part, condition: str = "TRUE", params: Sequence[Any] = ()
    ) -> Page[Event]:
        """Return a page of events; NotACursor for a cursor that is none.

        `condition` is a further one, in SQL, upon the table event. Only the events of a run have an index of their
        own: else, a page ends after a window of events.
        """
        low, high, is_cut = await self._bounds(wanted, part)
        where, given = wanted.where()
        if len(wanted.runs) == 1:
            # As an equation, unlike as a list of one, the index gives events in their order.
            where = f"event.run = (SELECT number FROM event_run WHERE id = ?) AND {_without_runs(wanted).where()[0]}"
            given = [id_at_rest(wanted.runs[0]), *_without_runs(wanted).where()[1]]
        direction = "DESC" if part.newest else "ASC"
        rows = await self._source.query(
            f"SELECT seq FROM event WHERE seq > ? AND seq < ? AND {where} AND {condition}"
            f" ORDER BY seq {direction} LIMIT ?",
            (low, high, *given, *params, part.limit + 1),
        )
        seqs = [row[0] for row in rows[: part.limit]]
        events = await events_at(self._source, sorted(seqs), wanted)
        if part.newest:
            events.reverse()
        if len(rows) > part.limit:
            return Page(events, str(seqs[-1]))
        return Page(events, None if not is_cut else str(low + 1 if part.newest else high - 1))

    async def _bounds(self, wanted: Filter, part: Part) -> tuple[int, int, bool]:
        """Return between which seqs to look, both excluded, and whether there is more behind a window of them."""
        rows = await self._source.query("SELECT floor, (SELECT coalesce(max(seq), 0) FROM event) FROM journal")
        floor, head = rows[0]
        low, high = max(floor, part.after), head + 1
        if part.cursor is not None:
            place = number_in(part.cursor)
            low, high = (low, min(high, place)) if part.newest else (max(low, place), high)
        if len(wanted.runs) == 1 or high - low <= WINDOW:
            return low, high, False
        return (high - WINDOW - 1, high, True) if part.newest else (low, low + WINDOW + 1, True)


def _without_runs(wanted: Filter) -> Filter:
    return Filter(kinds=wanted.kinds, subjects=wanted.subjects, since=wanted.since, until=wanted.until)
