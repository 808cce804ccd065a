"""Durable: waiting until what was published is in the journal, however long the journal fails."""

import logging

from segue_events import Bus, Clock, JournalError

LOGGER = logging.getLogger("segue.notifications")

# Seconds between two looks whether the journal can be written again.
PAUSE = 1.0


async def until_durable(bus: Bus, clock: Clock) -> None:
    """Return once all that was published before is committed."""
    while True:
        try:
            await bus.flushed()
        except JournalError as error:
            # The bus keeps what it has and tries again. What is told of before it is recorded would be told twice.
            LOGGER.warning("Nothing more is told until the journal can be written. %s", error)
            await clock.sleep(PAUSE)
        else:
            return
