"""Long-poll: the events after a cursor, as soon as there are any; the websocket's twin, where none comes through."""

import anyio
import msgspec

from segue.api.types import EventBatch
from segue.server.bodies import event_body
from segue.server.streams.streams import Streams
from segue_events import Cursor, Event, Filter, Journal

__all__ = ("poll",)

MAX_EVENTS = 1000


async def poll(streams: Streams, journal: Journal, filter: Filter, after: Cursor, wait: float) -> EventBatch:
    """Return the events after the cursor, at most 1,000; if there are none, wait for the first, up to `wait` seconds.

    Also the end of the server ends the wait. The batch's cursor is past all that was looked at, wanted or not.
    """
    head = await journal.head()
    events = await journal.read(after.seq, filter, MAX_EVENTS)
    # Retention may have gone past the cursor before the events were read.
    await journal.check_cursor(after)
    if events:
        seq = events[-1].seq if len(events) == MAX_EVENTS else max(head.seq, events[-1].seq)
        return _batch(events, msgspec.structs.replace(head, seq=seq))
    if wait <= 0:
        return _batch([], head)
    return await _awaited(streams, filter, head, wait)


async def _awaited(streams: Streams, filter: Filter, after: Cursor, wait: float) -> EventBatch:
    with streams.admitted() as scope:
        async with streams.bus.subscribe(filter, after=after) as subscription:
            events: list[Event] = []
            with scope, anyio.move_on_after(wait):
                events = await anext(subscription, events)
            return _batch(events, subscription.cursor)


def _batch(events: list[Event], cursor: Cursor) -> EventBatch:
    return EventBatch([event_body(event, cursor) for event in events], str(cursor))
