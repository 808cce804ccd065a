"""Sources: where it is written whom to tell of what; found without reading what costs time to read.

A run's process only asks whether anything is configured at all. Which rules there are is the notifier's business.
"""

from pathlib import Path
from typing import Any

import msgspec

from segue.notify.registrations import PROJECT_FILES, Registrations
from segue.settings import Settings


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """The places of one configuration, in the order in which they count; not every file need be there.

    `own` is the user's file, which the command line writes; `projects` are those of the folders that runs start in;
    `left` is the folder of what runs have left for the notifier.
    """

    own: Path
    projects: tuple[Path, ...] = ()
    urls: tuple[str, ...] = ()
    left: Path

    @classmethod
    def of(cls, settings: Settings, *folders: Path) -> "Sources":
        """Those of the settings and of the folders that runs are started in."""
        return cls(
            own=settings.notify_file,
            projects=tuple(folder / name for folder in dict.fromkeys(folders) for name in PROJECT_FILES),
            urls=settings.notify_urls,
            left=Registrations.of(settings.database).folder,
        )

    def files(self) -> list[Path]:
        """The files that hold rules, in the order in which they count."""
        return [path for path in dict.fromkeys((self.own, *self.projects)) if _tells(path)]

    def any(self) -> bool:
        """Whether somebody may have to be told of something."""
        return bool(self.urls) or any(self.left.glob("*.json")) or bool(self.files())

    def stamps(self) -> dict[str, Any]:
        """The mark of each file that may hold rules, which changes when the file does: plain data, fit to be kept."""
        return {str(path): _stamp(path) for path in (self.own, *self.projects)}

    def fingerprint(self, now: int) -> object:
        """What changes whenever one of the files does, or what counts of that which runs have left, at `now` (µs)."""
        return self.stamps(), Registrations(self.left).fresh(now)


def _tells(path: Path) -> bool:
    """Whether a file has anything to say here; segue.toml may be about other things."""
    try:
        return path.exists() and (path.suffix != ".toml" or b"notify" in path.read_bytes())
    except OSError:
        return True  # it is the notifier that says what is wrong with it


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return []
    return [status.st_ino, status.st_mtime_ns, status.st_size]
