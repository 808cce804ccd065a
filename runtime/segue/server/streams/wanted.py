"""What a stream is asked for by a query: which events, from where on."""

from typing import Annotated

import msgspec

from segue.server.problems import wrong
from segue.server.queries import Moment, microseconds
from segue_events import Cursor, CursorError, Filter
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("StreamQuery", "place_of")

MAX_WAIT = 30.0
MAX_VALUES = 100

# Each star multiplies the cost of a match.
_Glob = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^[^*]*(\*[^*]*){0,2}$")]


class StreamQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which events: those that fit every parameter that is given, and any one value of it.

    `kinds` may hold `*`, and those with a leading `!` are left out. `after` is a cursor, "start" for the oldest event
    that is kept, or "now". `wait` is for how many seconds a long-poll may wait for the first event.
    """

    kinds: tuple[_Glob, ...] = ()
    run: tuple[str, ...] = ()
    subject: tuple[str, ...] = ()
    since: Moment | None = None
    until: Moment | None = None
    after: str = "now"
    wait: Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT)] = 0.0

    def filter(self) -> Filter:
        """Return what the bus is asked; raises Problem for more values than can be looked at quickly."""
        for name, values in (("kinds", self.kinds), ("run", self.run), ("subject", self.subject)):
            if len(values) > MAX_VALUES:
                raise wrong(f"query.{name}", f"It is given {len(values)} times; give at most {MAX_VALUES}.")
        return Filter(
            kinds=self.kinds,
            runs=self.run,
            subjects=self.subject,
            since=microseconds(self.since),
            until=microseconds(self.until),
        )


async def place_of(after: str, journal: SqliteJournal) -> Cursor:
    """Return the cursor that "start", "now" or a cursor's text stands for.

    Raises Problem for any other text, CursorReset for a cursor that the journal cannot follow.
    """
    if after == "now":
        return await journal.head()
    if after == "start":
        statistics = await journal.statistics()
        return msgspec.structs.replace(await journal.head(), seq=statistics.floor)
    try:
        cursor = Cursor.parse(after)
    except CursorError as error:
        raise wrong("query.after", str(error)) from None
    await journal.check_cursor(cursor)
    return cursor
