"""Scheduled here: a scheduler for as long as this process serves deployments, where there may be no server."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from segue.services.scheduler import Scheduler
from segue.services.service import attend
from segue.settings import Settings
from segue.work.local import LocalWork
from segue.work.session import open_journal
from segue_events import Clock

__all__ = ("scheduled_here",)


@asynccontextmanager
async def scheduled_here(settings: Settings, clock: Clock) -> AsyncGenerator[None]:
    """Attend to the schedules of this machine's journal inside the block; of a far one, its server does.

    A server of the same journal may do so too. Raises JournalError where the journal cannot be used.
    """
    if settings.api_url:
        yield
        return
    async with open_journal(settings, clock) as (journal, bus):
        scheduler = Scheduler(LocalWork(journal, bus, clock), journal, bus, clock)
        # A task rather than a group, which would wrap what is raised inside the block.
        task = asyncio.create_task(attend([scheduler], clock, _untold), name="scheduler")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def _untold(name: str, failed: bool) -> None:
    """Count no steps: what fails is logged."""
