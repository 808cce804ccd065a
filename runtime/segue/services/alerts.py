"""Alerts: sees to it that people are told of what happens to runs of other machines, which the server records."""

from collections.abc import Callable
from pathlib import Path

import anyio.to_thread

from segue.notify.sources import Sources
from segue.notify.starter import ensure_running
from segue.notify.watch import Watch, watch_of
from segue.settings import Settings
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("Alerts",)

# Seconds between two looks at the journal; events of one read.
_EVERY = 1.0
_PAGE = 1000


class Alerts:
    """A service that starts the notifier's process when something is committed that rules look at.

    It looks by its cursor, now and then, and subscribes to nothing: a subscription is told of an event in milliseconds,
    and for that it looks for one hundreds of times in the time that a notifier needs to start. `folder` is where the
    rules are that go with it, besides the user's own; `wake` is called in a thread.
    """

    name = "alerts"

    def __init__(
        self,
        journal: SqliteJournal,
        settings: Settings,
        folder: Path,
        wake: Callable[[Settings, int], None] = ensure_running,
    ) -> None:
        self._journal = journal
        self._settings = settings
        self._folder = folder
        self._wake = wake
        self._seen: int | None = None

    async def step(self, now: int) -> float:
        """See Service."""
        head = (await self._journal.head()).seq
        if self._seen is not None and head > self._seen:
            sources = Sources.of(self._settings, self._folder)
            since = await self._since(watch_of(self._settings, sources)) if sources.any() else None
            if since is not None:
                # In a thread, since starting a process would hold up all else.
                await anyio.to_thread.run_sync(self._wake, self._settings, since)
        self._seen = head
        return _EVERY

    async def _since(self, watch: Watch) -> int | None:
        """Return when the first event occurred that is new and that rules look at; None if there is none."""
        after = self._seen or 0
        while events := await self._journal.read(after, watch.filter, _PAGE):
            for event in events:
                if watch.parts or event.run in ("", event.subject):
                    return event.occurred
            after = events[-1].seq
        return None
