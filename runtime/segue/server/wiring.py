"""Wiring: the one place where the server's parts are built and joined, and taken apart in the reverse order."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import ASGIApp

from segue.server.access import Access, OpenAccess
from segue.server.authentication import Authentication
from segue.server.keys import KeysFile
from segue.server.metrics import Meters
from segue.server.streams.streams import Streams
from segue.settings import LoadedSettings
from segue.store import Store
from segue.tables import projections
from segue.work.local import LocalWork
from segue.work.store import WorkStore
from segue_events import Bus, Clock
from segue_events.journal.sqlite import SqliteJournal
from segue_events.stream.guard import Guard

__all__ = ("Wiring", "wired")

# Looks through an index of a hundred thousand runs find it in memory: 16 MB, of which only what is used is taken.
_PAGES_KEPT = "PRAGMA cache_size = -16384"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The parts of a server that is running.

    `journal` writes, by way of `bus`; `store`, and `work_store` for what is in line, read on a connection of their own,
    so that no long look holds up the stream, nor a commit a list. `work` decides what is run. `streams` are the live
    connections. `authentication` knows keys and sessions; it is the `access` of a server that asks for them. `started`
    is in µs since the epoch. `page` answers what no route does.
    """

    loaded: LoadedSettings
    clock: Clock
    journal: SqliteJournal
    bus: Bus
    store: Store
    work_store: WorkStore
    work: LocalWork
    streams: Streams
    authentication: Authentication
    started: int
    access: Access = field(default_factory=OpenAccess)
    guard: Guard = field(default_factory=Guard)
    meters: Meters = field(default_factory=Meters)
    page: ASGIApp | None = None


@asynccontextmanager
async def wired(
    loaded: LoadedSettings,
    clock: Clock,
    *,
    access: Access | None = None,
    authentication: Authentication | None = None,
    guard: Guard | None = None,
    page: ASGIApp | None = None,
) -> AsyncGenerator[Wiring]:
    """Build the parts for these settings, in the present loop; JournalError says why the database cannot be used."""
    settings = loaded.settings
    kept = projections()
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(
            SqliteJournal(settings.database, projections=kept, synchronous=settings.durability.upper(), clock=clock)
        )
        reader = await stack.enter_async_context(
            SqliteJournal(settings.database, projections=kept, read_only=True, clock=clock)
        )
        await reader.query(_PAGES_KEPT)
        bus = await stack.enter_async_context(Bus(journal, clock))
        yield Wiring(
            loaded=loaded,
            clock=clock,
            journal=journal,
            bus=bus,
            store=Store(reader),
            work_store=WorkStore(reader),
            work=LocalWork(journal, bus, clock),
            streams=Streams(bus),
            authentication=authentication or Authentication(KeysFile(settings.database), clock),
            started=clock.now_us(),
            access=access or OpenAccess(),
            guard=guard or Guard(),
            page=page,
        )
