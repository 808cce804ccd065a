"""Assignment: what the engine tells the notifier's process, and which files it uses beside the journal."""

from pathlib import Path
from typing import Literal

import msgspec

from segue.settings import Settings
from segue_events import Filter

FAILURES = Filter(kinds=("flow-run.failed", "flow-run.crashed", "task-run.failed", "task-run.crashed"))


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Which journal to read, whom to tell, and where to begin when nothing was told yet.

    `first` is the `seq` of the first event to tell of; None for what comes from now on.
    """

    database: str
    urls: tuple[str, ...]
    timeout: float
    durability: Literal["normal", "full"] = "normal"
    first: int | None = None

    @classmethod
    def of(cls, settings: Settings, first: int | None = None) -> "Assignment":
        """The part of the settings the notifier needs."""
        return cls(
            database=str(settings.database),
            urls=settings.notify_urls,
            timeout=settings.notify_timeout_seconds,
            durability=settings.durability,
            first=first,
        )

    def __repr__(self) -> str:
        return f"Assignment({self.database!r}, {len(self.urls)} urls)"

    @property
    def lock(self) -> Path:
        """The file the one notifier of this journal holds locked."""
        return self._beside("lock")

    @property
    def cursors(self) -> Path:
        """The file of what was already told."""
        return self._beside("cursors")

    @property
    def log(self) -> Path:
        """The file of what the process has to say."""
        return self._beside("log")

    def _beside(self, name: str) -> Path:
        return Path(f"{self.database}.notifier.{name}")
