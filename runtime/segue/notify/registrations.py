"""Registrations: what runs leave for the notifier to find: whose failures somebody wants to hear of, and folders.

They lie in a folder beside the database, each in a file of its own under its digest, for the owner's eyes only. So
processes that leave some at the same time do not meet, and one that is left again is only touched.
"""

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Literal

import msgspec

# A definition's failures are told for so long after it was registered last (µs), which each failing process does
# every hour. So who takes the hook out of a flow stops hearing of it.
VALID = 2 * 3_600_000_000

# Its targets stay for longer: a message may wait a day for one that is down.
KEPT = 2 * 86_400_000_000

PROJECT_FILES = ("segue.toml", "notifications.yaml")
"""The files of a folder in which rules may stand."""


class Alert(msgspec.Struct, frozen=True, kw_only=True, tag="alert"):
    """Somebody wants to hear when runs of a flow or task end in this way.

    Those of `urls` are told, and the configured targets with one of the `tags`.
    """

    noun: Literal["flow", "task"]
    name: str
    ending: Literal["failed", "crashed"]
    urls: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Alert({self.noun} {self.name!r} {self.ending}, {len(self.urls)} urls)"


class Folder(msgspec.Struct, frozen=True, kw_only=True, tag="folder"):
    """Runs are started in a folder with rules of its own; it counts for as long as it has some."""

    path: str


Registration = Alert | Folder


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A registration, its digest, and when it was left last (µs since 1970)."""

    registration: Registration
    digest: str
    seen: int


class Registrations:
    """The registrations of one journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def of(cls, database: Path | str) -> "Registrations":
        """Those beside this database."""
        return cls(Path(f"{database}.notifier.targets"))

    def leave(self, registration: Registration) -> None:
        """Write it down, or say that it is still meant. Raises OSError."""
        content = msgspec.json.encode(registration)
        path = self.folder / f"{digest_of(content)}.json"
        try:
            os.utime(path)
            return
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Whole or not at all, since the notifier may look at any time.
        temporary = path.with_suffix(f".{os.getpid()}")
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        temporary.replace(path)

    def found(self, now: int) -> list[Found]:
        """All that still count, by digest; alerts of more than two days ago do not, and are deleted.

        `now` is in µs since 1970.
        """
        return [found for path in sorted(self.folder.glob("*.json")) for found in _read(path, now)]

    def fresh(self, now: int) -> frozenset[str]:
        """The digests of those that were left so lately that an alert of that age is told."""
        return frozenset(path.stem for path in self.folder.glob("*.json") if now - _left_at(path) <= VALID)


def digest_of(content: bytes) -> str:
    """A name for the content that shows nothing of it."""
    return blake2b(content, digest_size=12).hexdigest()


def _left_at(path: Path) -> int:
    """When it was left last, in µs since 1970; 0 if it is no more."""
    try:
        return path.stat().st_mtime_ns // 1000
    except OSError:
        return 0


def _read(path: Path, now: int) -> Iterator[Found]:
    try:
        seen = _left_at(path)
        registration = msgspec.json.decode(path.read_bytes(), type=Registration)
        if not _counts(registration, now - seen):
            path.unlink()
            return
    except (OSError, msgspec.DecodeError):
        return  # another process has deleted it, or it is not ours
    yield Found(registration=registration, digest=path.stem, seen=seen)


def _counts(registration: Registration, age: int) -> bool:
    if isinstance(registration, Alert):
        return age <= KEPT
    return any(Path(registration.path, name).exists() for name in PROJECT_FILES)
