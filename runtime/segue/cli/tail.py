"""The end of the journal, followed: events that are there, then those that come, of whatever process."""

from collections.abc import AsyncGenerator

from segue_events import Clock, Event, Filter, Journal

__all__ = ("tail",)

BATCH = 1000
# How often to look for what other processes have committed, in seconds.
PAUSE = 0.05


async def tail(journal: Journal, wanted: Filter, after: int, clock: Clock) -> AsyncGenerator[list[Event]]:
    """Yield events behind a place of the journal in batches, for ever; an empty batch when there are no more yet."""
    # Asked before reading, so that what is committed while we read is noticed at the next look.
    await journal.changed()
    while True:
        head = await journal.head()
        while events := await journal.read(after, wanted, BATCH):
            after = events[-1].seq
            yield events
        after = max(after, head.seq)
        yield []
        while not await journal.changed():
            await clock.sleep(PAUSE)
            yield []
