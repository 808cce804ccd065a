"""What a command starts with: the settings, and the records to read."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import warn
from segue.settings import Settings, load_settings, settings_context
from segue.store import Store
from segue.tables import projections
from segue_events.journal.sqlite import SqliteJournal

if TYPE_CHECKING:
    from segue.work import Work

__all__ = ("NothingRecorded", "Records", "configured", "noting", "opened", "reading", "working", "writing")


class NothingRecorded(CommandFailed):
    """There is no journal yet."""

    def __init__(self, database: Path) -> None:
        super().__init__(f"No runs are recorded yet in {database}.", ExitCode.NOT_FOUND)


@contextmanager
def configured() -> Generator[Settings]:
    """Load the settings, tell what is odd about them, and use them inside the block."""
    loaded = load_settings()
    for sentence in loaded.warnings:
        warn(sentence)
    with settings_context(loaded) as settings:
        yield settings


class Records(NamedTuple):
    """What is recorded: the journal, and the store that reads its tables."""

    journal: SqliteJournal
    store: Store


@asynccontextmanager
async def reading() -> AsyncGenerator[Records]:
    """Open this machine's journal, to read it; raises NothingRecorded where there is no journal yet."""
    with configured() as settings:
        async with opened(settings, read_only=True) as records:
            yield records


@asynccontextmanager
async def writing() -> AsyncGenerator[Records]:
    """Open this machine's journal, to change it; raises NothingRecorded where there is no journal yet."""
    with configured() as settings:
        async with opened(settings, read_only=False) as records:
            yield records


@asynccontextmanager
async def noting() -> AsyncGenerator[SqliteJournal]:
    """Open this machine's journal, to note what needs no run to be about; it is made where there is none yet."""
    with configured() as settings:
        settings.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with _journal(settings, read_only=False) as journal:
            yield journal


@asynccontextmanager
async def working() -> AsyncGenerator["Work"]:
    """Open deployments, pools and limits: at the server that SEGUE_API_URL names, else in this machine's journal."""
    # What decides about work takes as long to import as all that reads runs, which does without.
    from segue.work.session import open_work  # noqa: PLC0415

    with configured() as settings:
        async with open_work(settings) as work:
            yield work


@asynccontextmanager
async def opened(settings: Settings, *, read_only: bool) -> AsyncGenerator[Records]:
    """Open the journal of these settings; raises NothingRecorded where there is none yet."""
    if not settings.database.exists():
        raise NothingRecorded(settings.database)
    async with _journal(settings, read_only=read_only) as journal:
        yield Records(journal, Store(journal))


def _journal(settings: Settings, *, read_only: bool) -> SqliteJournal:
    return SqliteJournal(
        settings.database,
        projections=projections(),
        synchronous="FULL" if settings.durability == "full" else "NORMAL",
        read_only=read_only,
    )
