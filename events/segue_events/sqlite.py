"""One SQLite connection in a thread of its own, by aiosqlite; statements of many rows; errors as sentences."""

import asyncio
import errno
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import aiosqlite
import anyio

from segue_events.errors import (
    JournalCorrupt,
    JournalError,
    JournalFull,
    JournalLocked,
    JournalUnwritable,
)
from segue_events.forking import gate

__all__ = ("Database", "connect", "failure", "in_parts", "insert", "marks", "statements")

P = ParamSpec("P")
T = TypeVar("T")

# SQLite's bound is 32,766 variables; a statement's text and program grow with them.
_VARIABLES = 32_000
_LARGEST_SIZE = 2048
_CACHED_STATEMENTS = 256
_VALUES_PER_QUERY = 500
_BUSY_SECONDS = 10.0


def connect(path: str | Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Return a plain connection to the database; transactions are the caller's."""
    mode = "ro" if read_only else "rwc"
    return sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        cached_statements=_CACHED_STATEMENTS,
    )


class Database:
    """A connection that lives in its own thread, from `open` to `close`.

    `opening` makes the connection in that thread, `closing` ends it there; what `opening` raises is raised by `open`,
    and leaves neither connection nor thread. `run` may be called in any loop, while the one that opened it runs.
    """

    def __init__(
        self,
        path: Path,
        opening: Callable[[], sqlite3.Connection],
        closing: Callable[[sqlite3.Connection], None] = sqlite3.Connection.close,
    ) -> None:
        self._path = path
        self._opening = opening
        self._closing = closing
        self._connection: aiosqlite.Connection | None = None
        self._trouble: BaseException | None = None
        self._calls = 0

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._calls > 0

    async def open(self) -> None:
        """Start the thread and connect; the present loop becomes the database's own."""
        self._loop = asyncio.get_running_loop()
        connection = aiosqlite.Connection(self._open, 64)
        # Left half open, the thread would keep the interpreter from ending.
        with anyio.CancelScope(shield=True):
            await connection
            error, self._trouble = self._trouble, None
            if error is not None:
                await connection.close()
                raise failure(error, self._path) if isinstance(error, sqlite3.Error | OSError) else error
        self._connection = connection

    def _open(self) -> sqlite3.Connection:
        try:
            with gate:
                self._raw = self._opening()
        except BaseException as error:
            # If this raised, aiosqlite would end its thread some time later, and nobody could wait for that.
            self._trouble = error
            self._raw = sqlite3.connect(":memory:")
        return self._raw

    async def close(self) -> None:
        """Do what was asked for before, disconnect, and end the thread; safe to call twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with anyio.CancelScope(shield=True):
            try:
                await self._call(connection, self._closing)
            except (sqlite3.Error, OSError) as error:
                raise failure(error, self._path) from error
            finally:
                await connection.close()

    async def run(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call the function with the connection in its thread; errors of SQLite become JournalErrors."""
        if self._connection is None or asyncio.get_running_loop() is self._loop:
            return await self._run(work, *args, **kwargs)
        # An answer to a loop that has been closed meanwhile would end aiosqlite's thread, and with it the journal.
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._run(work, *args, **kwargs), self._loop))

    async def _run(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        connection = self._connection
        if connection is None:
            raise JournalError(f"The journal {self._path} is not open; use `async with`, or open it first.")
        self._calls += 1
        try:
            return await self._call(connection, work, *args, **kwargs)
        except (sqlite3.Error, OSError) as error:
            raise failure(error, self._path) from error
        finally:
            self._calls -= 1

    async def _call(
        self,
        connection: aiosqlite.Connection,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        # aiosqlite has no public way to run a function in its thread, and a hop for each statement costs too much.
        return await connection._execute(_gated, work, self._raw, *args, **kwargs)  # pyright: ignore[reportPrivateUsage, reportUnknownVariableType, reportUnknownMemberType]  # noqa: SLF001


def _gated(
    work: Callable[Concatenate[sqlite3.Connection, P], T], raw: sqlite3.Connection, *args: P.args, **kwargs: P.kwargs
) -> T:
    with gate:
        return work(raw, *args, **kwargs)


# --- statements ---


def insert(connection: sqlite3.Connection, parts: tuple[str, str, str], values: list[Any], width: int) -> int:
    """Insert rows of `width` values, which follow one another in `values`; return how many were inserted or changed.

    `parts` are a statement's head, which ends with VALUES, the placeholder of one row, and its tail. All rows, up to
    some thousands, go in by one statement: it is one step, during which Python's lock is given away once, and beside a
    busy thread each loss of it costs 5 ms.
    """
    begin, changed = 0, 0
    rows = len(values) // width
    while begin < rows:
        largest = _size(_VARIABLES // width, up=False)
        count = min(rows - begin, largest)
        size = _size(count, up=True)
        part = values[begin * width : (begin + count) * width]
        # Of any value: these rows are past the limit. For a None, sqlite3 would look for an adapter each time.
        part.extend([0] * ((size - count) * width))
        part.append(count)
        changed += connection.execute(_statement(parts, size), part).rowcount
        begin += count
    return changed


@lru_cache(maxsize=_LARGEST_SIZE)
def _size(rows: int, *, up: bool) -> int:
    """The nearest size of statement for so many rows: few sizes, so that SQLite finds most of them prepared."""
    sizes = [size for power in range(_LARGEST_SIZE.bit_length()) for size in (1 << power, 3 << power >> 1)]
    if up:
        return min(size for size in sizes if size >= rows)
    return max(size for size in sizes if size <= min(rows, _LARGEST_SIZE))


@lru_cache(maxsize=_CACHED_STATEMENTS)
def _statement(parts: tuple[str, str, str], size: int) -> str:
    """A statement for up to `size` rows; the last parameter says how many there are."""
    head, row, tail = parts
    into = head.rstrip().removesuffix("VALUES")
    return f"{into} SELECT * FROM (VALUES {', '.join([row] * size)}) WHERE TRUE LIMIT ? {tail}"


def statements(script: str) -> Iterator[str]:
    """Yield the statements of a script, to be executed in one transaction, which `executescript` would end."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if statement.strip():
        yield statement


def marks(values: Sequence[object]) -> str:
    """As many question marks as there are values, for an IN."""
    return ",".join("?" * len(values))


def in_parts(connection: sqlite3.Connection, query: str, values: Iterable[object]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query that ends with IN, for any number of values."""
    remaining = list(values)
    for begin in range(0, len(remaining), _VALUES_PER_QUERY):
        part = remaining[begin : begin + _VALUES_PER_QUERY]
        yield from connection.execute(f"{query} ({marks(part)})", part)


# --- errors ---


def failure(error: sqlite3.Error | OSError, path: Path) -> JournalError:
    """Return what an error of SQLite or of the system means for the journal at this path."""
    kind, sentence = _meaning(error)
    return kind(sentence.format(path=path, folder=path.parent, reason=error))


_FULL = JournalFull, "There is no room on the disk for the journal {path}; make some, and writing goes on by itself."
_UNWRITABLE = (
    JournalUnwritable,
    "The journal {path} cannot be written ({reason}); let this user write the folder {folder}, or choose another one.",
)
_CORRUPT = (
    JournalCorrupt,
    "The journal {path} is damaged or is no journal ({reason}); restore a backup, or move the file away to begin anew.",
)
_LOCKED = (
    JournalLocked,
    "Another program holds the database {path} ({reason}); end what has it open for writing, such as an SQLite shell.",
)
_OTHER = JournalError, "The journal {path} failed: {reason}."

_MEANINGS: dict[int, tuple[type[JournalError], str]] = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_CANTOPEN: _UNWRITABLE,
    sqlite3.SQLITE_READONLY: _UNWRITABLE,
    sqlite3.SQLITE_PERM: _UNWRITABLE,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
}


def _meaning(error: sqlite3.Error | OSError) -> tuple[type[JournalError], str]:
    if isinstance(error, sqlite3.Error):
        # The lowest byte is the kind of error, the others its details.
        return _MEANINGS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _OTHER)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _FULL
    return (
        _UNWRITABLE if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR) else _OTHER
    )
