"""The journal's tables: made, recognized, and brought up to date by numbered migrations."""

import sqlite3
from functools import cache
from pathlib import Path

from segue_events.errors import JournalCorrupt, JournalError, JournalTooNew
from segue_events.ids import new_id
from segue_events.sqlite import statements

__all__ = ("check", "migrate", "recognize")

# In the file's header: what kind of database it is ("segu"), and by how many migrations it was made.
_APPLICATION = 0x73656775


@cache
def _migrations() -> list[str]:
    """The scripts, in the order of their numbers."""
    scripts = sorted(Path(__file__).with_name("migrations").glob("*.sql"))
    return [script.read_text(encoding="utf-8") for script in scripts]


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise an error if the file is neither new nor a journal that this version knows."""
    _version(connection, path)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables, or bring them up to date; within the caller's transaction."""
    version = _version(connection, path)
    migrations = _migrations()
    for number in range(version, len(migrations)):
        for statement in statements(migrations[number]):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")
    if version == 0:
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute("INSERT INTO journal VALUES (1, ?, 1, 0)", (new_id(),))


def recognize(connection: sqlite3.Connection, path: Path) -> None:
    """Raise an error if the file is no journal that this version can read as it is."""
    if _version(connection, path) < len(_migrations()):
        raise JournalError(f"The journal {path} is empty or of an older form; open it once for writing.")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != _APPLICATION and (version or tables):
        raise JournalCorrupt(f"{path} is an SQLite database, but no journal; name another file.")
    if version > len(_migrations()):
        raise JournalTooNew(
            f"The journal {path} has form {version} and this version knows up to {len(_migrations())}; "
            "upgrade, or name another file."
        )
    return version
