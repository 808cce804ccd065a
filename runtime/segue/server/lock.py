"""The lock by which a database has one server, and what it tells others: which process, and where it answers."""

import fcntl
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from segue.server.refusal import CannotServe
from segue_events import Clock

__all__ = ("Holder", "ServerLock", "ServerRuns", "holder_of", "stop_holder")

# Room for a holder, which is written at once, so that nobody reads half of one.
_SIZE = 1024
# Who asks whether a server runs holds the lock for microseconds; a server that starts asks again before it gives up.
_TRIES, _PAUSE = 10, 0.01
# Seconds between two looks whether a server has ended.
_GLANCE = 0.02


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """The server of a database; `url` is where its page is, "" while it starts, `started` in µs since the epoch."""

    pid: int
    started: int
    version: str
    url: str = ""


class ServerRuns(CannotServe):
    """The database has a server already: `holder`, where it has said so."""

    def __init__(self, database: Path, holder: Holder | None) -> None:
        who = "" if holder is None else f" It is process {holder.pid}{f' at {holder.url}' if holder.url else ''}."
        super().__init__(f"A server of {database} runs already.{who} `segue server stop` stops it.")
        self.holder = holder


class ServerLock:
    """The file "<database>.server", locked as long as the `with` lasts or the process lives.

    Entering raises ServerRuns if another process holds it, OSError if there can be no such file.
    """

    def __init__(self, database: Path, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._file = -1

    def __enter__(self) -> Self:
        self._file = os.open(_path(self._database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        for _ in range(_TRIES):
            if _locked(self._file, fcntl.LOCK_EX):
                # What the last server has told is no longer so.
                os.ftruncate(self._file, 0)
                return self
            self._clock.block(_PAUSE)
        holder = _told(self._file)
        self._close()
        raise ServerRuns(self._database, holder)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def tell(self, holder: Holder) -> None:
        """Say who holds the lock."""
        os.pwrite(self._file, msgspec.json.encode(holder).ljust(_SIZE), 0)

    def _close(self) -> None:
        os.close(self._file)
        self._file = -1


def holder_of(database: Path) -> Holder | None:
    """Return the server that this database has; None if it has none, or one that has not yet said who it is."""
    try:
        file = os.open(_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        return None if _locked(file, fcntl.LOCK_SH) else _told(file)
    finally:
        os.close(file)


def stop_holder(database: Path, holder: Holder, clock: Clock, seconds: float) -> bool:
    """Ask the server of a database to end, and wait for that; return whether it has ended in time."""
    until = clock.monotonic() + seconds
    with suppress(ProcessLookupError):
        os.kill(holder.pid, signal.SIGTERM)
    while clock.monotonic() < until:
        if holder_of(database) != holder:
            return True
        clock.block(_GLANCE)
    return holder_of(database) != holder


def _path(database: Path) -> Path:
    return database.with_name(database.name + ".server")


def _locked(file: int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _told(file: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(file, _SIZE, 0), type=Holder)
    except msgspec.DecodeError:
        return None
