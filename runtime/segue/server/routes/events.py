"""Routes of events: what the journal holds, a page at a time."""

from typing import Annotated, Any, Literal

import msgspec

from segue.api import types
from segue.server.access import Scope
from segue.server.bodies import event_body
from segue.server.etags import by_head
from segue.server.paging import cursors, page_of
from segue.server.queries import END, Kinds, ManyLimit, Moment, Seq, Texts, microseconds
from segue.server.routing import Call, Route
from segue.store.events import Part
from segue_events import Filter

__all__ = ("ROUTES", "EventsOfRunQuery", "PartQuery")


After = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^([^:]+:[0-9]{{1,18}}:)?(0|[1-9][0-9]{{0,17}}){END}",
        max_length=500,
        description="A seq, such as 17, or a cursor of the stream.",
    ),
]


class PartQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the journal: behind the seq `after`, from which end, and how many."""

    after: After = "0"
    order: Literal["asc", "desc"] = "asc"
    limit: ManyLimit = 200
    cursor: Seq | None = None

    def part(self) -> Part:
        """Return what the store is asked."""
        after = int(self.after.rpartition(":")[2])
        return Part(after, self.order == "desc", self.limit, self.cursor)


class EventsOfRunQuery(PartQuery, frozen=True, kw_only=True):
    """Which events of a flow run: of kinds in which * is any text, without those that begin with !."""

    kinds: Kinds = ()


class EventsQuery(EventsOfRunQuery, frozen=True, kw_only=True):
    """Which events of all: of runs and subjects by their whole ids, and by when they occurred."""

    run: Texts = ()
    subject: Texts = ()
    since: Moment | None = None
    until: Moment | None = None

    def filter(self) -> Filter:
        """Return what the journal is asked."""
        return Filter(
            kinds=self.kinds,
            runs=self.run,
            subjects=self.subject,
            since=microseconds(self.since),
            until=microseconds(self.until),
        )


async def events(call: Call[EventsQuery, Any]) -> types.Page[types.EventBody]:
    """List events."""
    with cursors():
        page = await call.wiring.store.events.page(call.query.filter(), call.query.part())
    head = call.wiring.bus.position
    return page_of(page, lambda event: event_body(event, head))


LIST = types.Page[types.EventBody]

ROUTES = (Route("GET", "/api/events", Scope.READ, events, "Events", LIST, EventsQuery, tag=by_head),)
