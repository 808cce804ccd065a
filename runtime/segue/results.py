"""Stores of results: values kept outside of the journal, each as one signed record under a key."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import msgspec

from segue.canonical import digest_of
from segue.exceptions import MissingResult, NotCanonical, ResultNotSerializable, ResultTampered, SerializationError
from segue.serializers import JSONSerializer, PickleSerializer, Serializer, resolve_serializer

_MAGIC = b"segue-result-1\n"
_SIGNATURE_SIZE = 32
_SUFFIX = ".result"
# What a key may look like to be a path below the root; any other key becomes the name of its hash.
_PLAIN_KEY = re.compile(
    r"(?!.*\.result(/|$))[A-Za-z0-9_][A-Za-z0-9_.=-]{0,99}(/[A-Za-z0-9_][A-Za-z0-9_.=-]{0,99}){0,3}"
)


class Ref(msgspec.Struct, frozen=True):
    """Where a result lies: the store's name, the key in it, and the name of the serializer."""

    storage: str
    key: str
    serializer: str


class ResultStore(Protocol):
    """A place where results are kept by key; it blocks, so the engine calls it in a thread."""

    storage: str

    def persist(
        self,
        value: Any,
        serializer: Serializer[Any] | str | None = None,
        *,
        key: str | None = None,
        expires: int | None = None,
    ) -> Ref:
        """Keep a value until `expires` (µs since the epoch, None for ever) and say where it lies.

        Without a serializer it is JSON if it comes back from that unchanged, else pickled. Without a key it gets
        a new one; what lay under a given key is replaced. Raises ResultNotSerializable, and OSError of the disk.
        """
        ...

    def load(self, ref: Ref, now: int | None = None) -> Any:
        """Return the value that lies there.

        Raises MissingResult if there is none, or it had expired at `now` (µs since the epoch); ResultTampered if
        it was not written with this store's key; SerializationError if it can no longer be read.
        """
        ...

    def exists(self, key: str) -> bool:
        """Whether something lies under this key, expired or not."""
        ...

    def delete(self, key: str) -> None:
        """Forget what lies under this key, if anything does."""
        ...


class _Header(msgspec.Struct, omit_defaults=True):
    """What a record says of its value."""

    key: str
    serializer: dict[str, Any]
    expires: int | None = None


class LocalResultStore:
    """A store in a folder: one file per result, replaced as a whole, signed with the key in `key_file`."""

    def __init__(self, root: Path | str, key_file: Path | str | None = None) -> None:
        """Use the folder `root` (made when first needed); the key file is by default results.key beside it."""
        self.root = Path(root).expanduser().absolute()
        self.key_file = Path(key_file) if key_file is not None else self.root.parent / "results.key"
        self.storage = str(self.root)

    def persist(
        self,
        value: Any,
        serializer: Serializer[Any] | str | None = None,
        *,
        key: str | None = None,
        expires: int | None = None,
    ) -> Ref:
        """See ResultStore."""
        key = _writable(key or uuid4().hex)
        used, blob = serialized(value, serializer)
        record = pack(_Header(key, used.spec(), expires), blob, signing_key(self.key_file))
        _replace(safe_join(self.root, key), record)
        return Ref(self.storage, key, used.type)

    def load(self, ref: Ref, now: int | None = None) -> Any:
        """See ResultStore."""
        path = safe_join(self.root, ref.key)
        try:
            # Not through a link: what lies elsewhere is not of this store.
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
                record = file.read()
        except OSError as error:
            raise MissingResult(
                f"The result {ref.key!r} is not in {self.root} ({error.strerror}). "
                "Was it deleted, or is the storage of another machine? The task has to run again."
            ) from error
        return unpack(record, ref, signing_key(self.key_file), now)

    def load_elsewhere(self, ref: Any) -> Any:
        """Return the value that the JSON form of a `Ref` leads to, in whichever folder; raises as `load` does."""
        found = msgspec.convert(ref, Ref)
        return LocalResultStore(found.storage, self.key_file).load(found)

    def exists(self, key: str) -> bool:
        """See ResultStore."""
        return safe_join(self.root, key).is_file()

    def delete(self, key: str) -> None:
        """See ResultStore."""
        safe_join(self.root, key).unlink(missing_ok=True)


class MemoryResultStore:
    """A store that lasts as long as its process, for tests and throw-away runs."""

    def __init__(self, storage: str = "memory") -> None:
        self.storage = storage
        self._records: dict[str, bytes] = {}
        self._secret = secrets.token_bytes(_SIGNATURE_SIZE)

    def persist(
        self,
        value: Any,
        serializer: Serializer[Any] | str | None = None,
        *,
        key: str | None = None,
        expires: int | None = None,
    ) -> Ref:
        """See ResultStore."""
        key = key or uuid4().hex
        used, blob = serialized(value, serializer)
        self._records[key] = pack(_Header(key, used.spec(), expires), blob, self._secret)
        return Ref(self.storage, key, used.type)

    def load(self, ref: Ref, now: int | None = None) -> Any:
        """See ResultStore."""
        if ref.key not in self._records:
            raise MissingResult(f"The result {ref.key!r} is not in {self.storage}. The task has to run again.")
        return unpack(self._records[ref.key], ref, self._secret, now)

    def exists(self, key: str) -> bool:
        """See ResultStore."""
        return key in self._records

    def delete(self, key: str) -> None:
        """See ResultStore."""
        self._records.pop(key, None)


# --- records ---


def serialized(value: Any, serializer: Serializer[Any] | str | None) -> tuple[Serializer[Any], bytes]:
    """Return the value's bytes and the serializer that wrote them: the one given, or JSON, or else pickle."""
    if serializer is not None:
        used = resolve_serializer(serializer)
        return used, used.dumps(value)
    try:
        return JSONSerializer(), JSONSerializer().dumps(value)
    except ResultNotSerializable as error:
        if not isinstance(error.__cause__, NotCanonical):
            raise
        return PickleSerializer(), PickleSerializer().dumps(value)


def pack(header: _Header, blob: bytes, secret: bytes) -> bytes:
    """Return a record: its signature, a line of JSON about the value, and the value."""
    signed = b"\n".join((msgspec.json.encode(header), blob))
    return b"".join((_MAGIC, hmac.digest(secret, signed, "sha256"), signed))


def unpack(record: bytes, ref: Ref, secret: bytes, now: int | None) -> Any:
    """Return the value of a record; nothing of it is interpreted before its signature is found right."""
    start = len(_MAGIC) + _SIGNATURE_SIZE
    signed = record[start:]
    signature = hmac.digest(secret, signed, "sha256")
    if not (record.startswith(_MAGIC) and hmac.compare_digest(record[len(_MAGIC) : start], signature)):
        raise ResultTampered(
            f"The result {ref.key!r} in {ref.storage} does not bear this installation's signature: it was changed, "
            "or written with another key. It is not read; delete it to have the task run again."
        )
    line, _, blob = signed.partition(b"\n")
    header = msgspec.json.decode(line, type=_Header)
    if header.key != ref.key:
        raise ResultTampered(f"The result {ref.key!r} in {ref.storage} is that of {header.key!r}, put in its place.")
    if now is not None and header.expires is not None and header.expires <= now:
        raise MissingResult(f"The result {ref.key!r} in {ref.storage} has expired. The task has to run again.")
    try:
        return resolve_serializer(header.serializer).loads(blob)
    except Exception as error:  # whatever the value's own classes raise when they are made again
        raise SerializationError(
            f"The result {ref.key!r} in {ref.storage} cannot be read any more: {type(error).__name__}: {error}. "
            "Has the code of its classes changed or moved since?"
        ) from error


# --- files ---


def safe_join(root: Path, key: str) -> Path:
    """Return the file of a key, which lies below the root whatever the key is.

    A key of plain words separated by slashes is its own path; any other (long, with dots, blanks, control
    characters …) becomes a name made of its hash. Raises ResultTampered if a link leads out of the root.
    """
    plain = _PLAIN_KEY.fullmatch(key) is not None
    name = key if plain else "~" + digest_of(_writable(key).encode())
    path = root / f"{name}{_SUFFIX}"
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise ResultTampered(f"The folder of result {key!r} leads out of {root} by a link. Remove the link.")
    return path


def _writable(key: str) -> str:
    """Return the key with lone surrogates, which no file or event can hold, written as escapes."""
    return key.encode("utf-8", "backslashreplace").decode()


def signing_key(path: Path) -> bytes:
    """Return the secret that signs results, read from its file; made there, readable by its owner only, if missing.

    Of several processes that make it at once, one wins and all use its key.
    """
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = _draft(path, secrets.token_bytes(_SIGNATURE_SIZE))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        found = path.read_bytes()
    if len(found) != _SIGNATURE_SIZE:
        raise ResultTampered(f"The key file {path} is damaged. Restore it, or delete it together with the results.")
    return found


def _replace(path: Path, content: bytes) -> None:
    """Make this the file's content, wholly or (after a crash at any instant) not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = _draft(path, content)
    try:
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _draft(path: Path, content: bytes) -> Path:
    """Write a new file beside `path`, for its owner only, and wait until the disk has it."""
    draft = path.parent / f".{uuid4().hex}.draft"
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    return draft
