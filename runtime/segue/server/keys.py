"""Keys: the file of who may use a server: API keys, and the sessions of those who logged in with one.

Of what a caller shows, only the SHA-256 is kept. Keys and sessions have 256 random bits, so nobody finds one by trying,
and a hash that is slow on purpose would only slow the server.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import msgspec

from segue.exceptions import SegueError
from segue.suggestions import did_you_mean

__all__ = ("Given", "Key", "KeysError", "KeysFile", "Session", "given_key", "given_session")

Random = Callable[[int], bytes]

SESSION_US = 12 * 3600 * 1_000_000
_PREFIX = "sgk"
_MAX_TEXT = 200
_MAX_NAME = 100
_MAX_SESSIONS = 1000
# What is compared where nothing is known by the id that was given, so that it takes as long.
_NOBODY = hashlib.sha256(b"").hexdigest()


class KeysError(SegueError):
    """The file of keys cannot be used, or does not hold what was asked for."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key; `digest` is the SHA-256 of its secret, instants are in µs since the epoch, None for never."""

    id: str
    name: str
    scope: Literal["read", "run", "admin"]
    digest: str
    created: int
    expires: int | None = None
    last_used: int | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """That somebody logged in with a key; it ends when it expires, at a logout, or with the key."""

    id: str
    key: str
    digest: str
    expires: int


class Given(NamedTuple):
    """What somebody shows: an id, and the secret that proves it is theirs."""

    id: str
    secret: str


class _Content(msgspec.Struct, frozen=True, kw_only=True):
    keys: tuple[Key, ...] = ()
    sessions: tuple[Session, ...] = ()


T = TypeVar("T", Key, Session)


def given_key(text: str) -> Given | None:
    """Take the text of a key apart; None for what is none."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    return Given(key_id, secret) if prefix == _PREFIX and key_id and secret and len(text) <= _MAX_TEXT else None


def given_session(text: str) -> Given | None:
    """Take the text of a session apart; None for what is none."""
    session_id, _, secret = text.partition("_")
    return Given(session_id, secret) if session_id and secret and len(text) <= _MAX_TEXT else None


class KeysFile:
    """The file "<database>.keys", which several processes may use: each change is written whole or not at all.

    Every method raises KeysError if the file cannot be read or written. Instants are in µs since the epoch.
    """

    def __init__(self, database: Path, random: Random = secrets.token_bytes) -> None:
        self.path = database.with_name(database.name + ".keys")
        self._random = random
        self._stamp: object = None
        self._content = _Content()

    # --- reading ---

    @property
    def stamp(self) -> object:
        """What changes whenever the file does; None while there is none."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        return found.st_mtime_ns, found.st_size, found.st_ino

    @property
    def keys(self) -> tuple[Key, ...]:
        """All keys, in the order of their making."""
        return self._read().keys

    def key(self, given: Given, now: int) -> Key | None:
        """Return the key that is given; None if it is not one, or has expired."""
        return _valid(given, {key.id: key for key in self._read().keys}, now)

    def session(self, given: Given, now: int) -> Key | None:
        """Return the key of the session that is given; None if that has ended, or its key has."""
        content = self._read()
        session = _valid(given, {session.id: session for session in content.sessions}, now)
        keys = () if session is None else (key for key in content.keys if key.id == session.key)
        return next((key for key in keys if not _has_expired(key, now)), None)

    # --- changing ---

    def create(self, name: str, scope: Literal["read", "run", "admin"], now: int, expires: int | None) -> str:
        """Add a key; return its text, which cannot be had a second time. KeysError if the name is taken or empty."""
        if not name.strip() or len(name) > _MAX_NAME or not name.isprintable():
            raise KeysError(f"A key's name has 1 to {_MAX_NAME} printable characters; {name[:_MAX_NAME]!r} has not.")
        given = self._made()
        with self._changing() as content:
            if any(key.name == name for key in content.keys):
                raise KeysError(f"There is a key '{name}' already; revoke it first, or take another name.")
            key = Key(id=given.id, name=name, scope=scope, digest=_digest(given), created=now, expires=expires)
            self._write(msgspec.structs.replace(content, keys=(*content.keys, key)))
        return f"{_PREFIX}_{given.id}_{given.secret}"

    def revoke(self, wanted: str) -> Key:
        """Delete the key of this id or name, and all sessions of it; KeysError if there is none."""
        with self._changing() as content:
            found = next((key for key in content.keys if wanted in (key.id, key.name)), None)
            if found is None:
                hint = did_you_mean(wanted, [key.name for key in content.keys])
                raise KeysError(f"There is no key '{wanted[:_MAX_NAME]}'.{hint} `segue api-key ls` lists all.")
            self._write(
                _Content(
                    keys=tuple(key for key in content.keys if key is not found),
                    sessions=tuple(session for session in content.sessions if session.key != found.id),
                )
            )
        return found

    def used(self, uses: Mapping[str, int]) -> None:
        """Write down when keys were last used, by their ids."""
        with self._changing() as content:
            keys = [
                msgspec.structs.replace(key, last_used=max(uses[key.id], key.last_used or 0)) if key.id in uses else key
                for key in content.keys
            ]
            self._write(msgspec.structs.replace(content, keys=tuple(keys)))

    def begin(self, key: Key, now: int) -> str:
        """Begin a session of 12 hours with a key; return its text. Of more than 1,000, the oldest ends."""
        given = self._made()
        session = Session(id=given.id, key=key.id, digest=_digest(given), expires=now + SESSION_US)
        with self._changing() as content:
            others = [one for one in content.sessions if not _has_expired(one, now)][1 - _MAX_SESSIONS :]
            self._write(msgspec.structs.replace(content, sessions=(*others, session)))
        return f"{given.id}_{given.secret}"

    def end(self, session_id: str) -> None:
        """End a session."""
        with self._changing() as content:
            others = tuple(one for one in content.sessions if one.id != session_id)
            self._write(msgspec.structs.replace(content, sessions=others))

    def _made(self) -> Given:
        return Given(self._random(6).hex(), self._random(32).hex())

    # --- the file ---

    def _read(self) -> _Content:
        stamp = self.stamp
        if stamp != self._stamp:
            self._content = self._loaded()
            self._stamp = stamp
        return self._content

    def _loaded(self) -> _Content:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=_Content)
        except FileNotFoundError:
            return _Content()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._unusable(error) from error

    @contextmanager
    def _changing(self) -> Generator[_Content]:
        """Let nobody else change the file meanwhile; the file itself is replaced, so the lock lies beside it."""
        try:
            lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self._loaded()
        finally:
            os.close(lock)

    def _write(self, content: _Content) -> None:
        temporary = f"{self.path}.new"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(content)))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> KeysError:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return KeysError(f"The file of keys {self.path} cannot be used: {reason}. Nobody is let in until it is mended.")


def _valid(given: Given, known: Mapping[str, T], now: int) -> T | None:
    found = known.get(given.id)
    digest = _NOBODY if found is None else found.digest
    if not hmac.compare_digest(_digest(given).encode(), digest.encode()) or found is None:
        return None
    return None if _has_expired(found, now) else found


def _has_expired(one: Key | Session, now: int) -> bool:
    return one.expires is not None and one.expires <= now


def _digest(given: Given) -> str:
    return hashlib.sha256(given.secret.encode(errors="replace")).hexdigest()
