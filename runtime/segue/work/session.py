"""A session of work: with the server that the settings name, or on the journal of this machine."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from segue.settings import Settings
from segue.tables import projections
from segue.work.local import LocalWork
from segue.work.protocol import Work
from segue_events import Bus, Clock, JournalUnwritable, SystemClock
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("open_journal", "open_work")


@asynccontextmanager
async def open_work(settings: Settings, clock: Clock | None = None) -> AsyncGenerator[Work]:
    """Open the Work that the settings mean, for as long as the `async with` lasts; the journal is made if need be.

    Raises JournalError where the journal cannot be used.
    """
    clock = clock or SystemClock()
    if settings.api_url:
        # A client of HTTP takes as long to import as all the rest, and the journal needs none.
        from segue.client import AsyncClient  # noqa: PLC0415
        from segue.work.api import ApiWork  # noqa: PLC0415

        async with AsyncClient(settings.api_url, settings.api_key, clock=clock) as client:
            yield ApiWork(client, clock)
        return
    async with open_journal(settings, clock) as (journal, bus):
        yield LocalWork(journal, bus, clock)


@asynccontextmanager
async def open_journal(settings: Settings, clock: Clock) -> AsyncGenerator[tuple[SqliteJournal, Bus]]:
    """Open the settings' journal, and a bus upon it; it is made if need be.

    Raises JournalError where it cannot be used.
    """
    folder = settings.database.parent
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise JournalUnwritable(
            f"The folder {folder} of the journal cannot be made ({error.strerror}); "
            "set SEGUE_HOME or SEGUE_DATABASE to a place that can be written."
        ) from None
    kept = SqliteJournal(
        settings.database, projections=projections(), synchronous=settings.durability.upper(), clock=clock
    )
    async with kept as journal, Bus(journal, clock) as bus:
        yield journal, bus
