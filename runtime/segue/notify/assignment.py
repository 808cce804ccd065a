"""Assignment: what the engine tells the notifier's process, and which files it uses beside the journal."""

from pathlib import Path
from typing import Any

import msgspec

from segue.settings import Settings


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Under which settings to tell, and where to begin when nothing was told yet.

    `folder` is where the runs were started, and may hold rules. `since` is when the first event to tell of occurred,
    in µs since 1970; None for what comes from now on.
    """

    settings: Settings
    folder: Path
    since: int | None = None

    @classmethod
    def decode(cls, content: bytes) -> "Assignment":
        """The assignment that `encode` has written."""
        return msgspec.json.decode(content, type=cls, dec_hook=_path)

    def encode(self) -> bytes:
        """The assignment as bytes, which hold secrets."""
        return msgspec.json.encode(self, enc_hook=str)

    def __repr__(self) -> str:
        return f"Assignment({str(self.settings.database)!r}, {len(self.settings.notify_urls)} urls)"

    @property
    def lock(self) -> Path:
        """The file the one notifier of this journal holds locked."""
        return self._beside("lock")

    @property
    def state(self) -> Path:
        """The file of how far its rules have come."""
        return self._beside("state")

    @property
    def log(self) -> Path:
        """The file of what the process has to say."""
        return self._beside("log")

    def _beside(self, name: str) -> Path:
        return Path(f"{self.settings.database}.notifier.{name}")


def _path(kind: type[Any], value: Any) -> Any:
    return kind(value)
