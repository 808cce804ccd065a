"""Canonical JSON: any plain Python value as JSON that comes back with exactly its types, and digests of it.

None, True, 1, 1.0, "text", lists and dicts with string keys are written as they are. Whatever JSON has no
word for is an object with one tag, for instance `{"$tuple":[1,2]}`, `{"$bytes":"aGk="}`, `{"$float":"nan"}`;
a dict that looks like a tag is itself tagged (`$dict`). What would not come back exactly the same
(subclasses, models, open files) is refused with `NotCanonical`, never written approximately.
"""

from __future__ import annotations

import binascii
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import msgspec

from segue.exceptions import NotCanonical, SerializationError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

# Each level costs up to three of JSON's, and the C code that reads them shares Python's own recursion limit.
MAX_DEPTH = 100
MAX_PATH = 100
# A value may hold the same list many times over; this bounds what its text may grow to when nobody else does.
MAX_SIZE = 16 * 1024 * 1024
# Calls with larger inputs are told apart by their order: hashing a megabyte takes as long as a hundred small steps.
MAX_CALL_SIZE = 1024 * 1024

_LEAST, _MOST = -(2**63), 2**64 - 1
# Up to so many values, looking at each of them is faster than looking at the set of their types first.
_FEW = 8
_SIMPLE = frozenset({str, int, bool, type(None)})
_TEXTS = frozenset({str, type(None), bool})
_URLSAFE = bytes.maketrans(b"+/", b"-_")
_UNREADABLE = (msgspec.MsgspecError, ValueError, ArithmeticError, TypeError, LookupError, AttributeError, RuntimeError)
_Values = list[Any] | tuple[Any, ...]
_write = msgspec.json.Encoder().encode
_write_sorted = msgspec.json.Encoder(order="deterministic").encode
_read = msgspec.json.Decoder().decode


def encode(value: Any) -> bytes:
    """Return the value as canonical JSON.

    Raises NotCanonical, with the path to the culprit and its type, for a value that would not come back the same.
    """
    text = encode_within(value, MAX_SIZE)
    if text is None:
        raise NotCanonical("value", f"{_type_name(value)} of more than {MAX_SIZE} bytes")
    return text


def encode_within(value: Any, limit: int) -> bytes | None:
    """Return the value as canonical JSON, or None if that takes more than `limit` bytes; stops early if so.

    Raises NotCanonical as `encode` does.
    """
    kind = cast("type[Any]", type(value))
    if value is None or kind is bool or (kind is int and _LEAST <= value <= _MOST):
        # What most steps return, and nothing in it can go wrong.
        text = _write(value)
        return text if len(text) <= limit else None
    try:
        text = _text(value, _Walk, _write, limit)
    except _TooLargeError:
        return None
    return text if len(text) <= limit else None


def decode(text: bytes | msgspec.Raw) -> Any:
    """Return the value whose canonical JSON this is; raises SerializationError if it is none."""
    try:
        value = _read(text)
        return _restored(value) if b'"$' in bytes(text) else value
    except SerializationError:
        raise
    except _UNREADABLE as error:
        raise SerializationError(f"This is not the canonical JSON of a value: {error}.") from error


def digest(*parts: Any, limit: int = MAX_SIZE) -> str:
    """Return 22 characters that are the same in every process for equal parts of equal types.

    Equal dicts and sets have equal digests whatever their order; 1, True and 1.0 have different ones.
    Raises NotCanonical for a part that has no canonical JSON, and for parts of more than `limit` bytes.
    """
    try:
        text = _text(parts, _UnorderedWalk, _write_sorted, limit)
    except _TooLargeError:
        raise NotCanonical("value", f"tuple of more than {limit} bytes") from None
    return digest_of(text)


def digest_of_call(name: str, parameters: dict[str, Any], limit: int = MAX_CALL_SIZE) -> str:
    """Return the digest of a function's name and its parameters by name, which differs for calls that differ.

    Quick where all values are texts, numbers and the like, as in most calls. Raises NotCanonical as `digest` does.
    """
    if _SIMPLE.issuperset(map(type, parameters.values())):
        try:
            return digest_of(_write_sorted((name, parameters)))
        except (ValueError, UnicodeError):
            pass  # a number of thousands of digits, or a lone surrogate
    return digest(name, parameters, limit=limit)


def digest_of(text: bytes) -> str:
    """Return the digest (blake2b, 128 bits, 22 characters of base64url) of these bytes."""
    packed = binascii.b2a_base64(blake2b(text, digest_size=16).digest(), newline=False)
    return packed[:22].translate(_URLSAFE).decode("ascii")


class _TooLargeError(Exception):
    """The limit is reached: what remains of the value need not be looked at."""


def _text(value: Any, walk: type[_Walk], write: Callable[[Any], bytes], limit: int) -> bytes:
    try:
        try:
            return write(_plain(walk(limit, False), value))
        except UnicodeEncodeError:
            # A lone surrogate somewhere: rare enough to look at each string only now.
            return write(_plain(walk(limit, True), value))
    except RuntimeError as error:  # RecursionError, or a dict that another thread changes meanwhile
        raise NotCanonical("value", f"{_type_name(value)} ({error})") from error


class _Walk:
    """One pass over a value, turning it into what the JSON writer writes as it is; dicts keep their order."""

    __slots__ = ("left", "surrogates")

    def __init__(self, limit: int, surrogates: bool) -> None:
        self.left = limit
        self.surrogates = surrogates

    def spend(self, size: int) -> None:
        """Count `size` bytes that the text will have at least; stop if they are too many."""
        self.left -= size
        if self.left < 0:
            raise _TooLargeError

    def items(self, values: _Values, depth: int, keys: Iterable[Any] | None = None) -> list[Any]:
        """Return the elements of a list, tuple or (with its keys) dict in plain form."""
        self.left -= len(values) + 2
        if self.left < 0:
            raise _TooLargeError
        if len(values) > _FEW and self._are_plain(values):
            return list(values)
        if depth >= MAX_DEPTH:
            raise NotCanonical("", f"{_type_name(values)} nested more than {MAX_DEPTH} deep")
        plain: list[Any] = []
        depth += 1
        try:
            for value in values:
                convert = _CONVERTERS.get(type(value), _other)  # pyright: ignore[reportUnknownArgumentType]
                plain.append(convert(self, value, depth))
        except NotCanonical as error:
            place = len(plain) if keys is None else _key_name(list(keys)[len(plain)])
            raise NotCanonical(f"[{place}]{error.path}", error.type_name) from None
        return plain

    def _are_plain(self, values: _Values) -> bool:
        """Whether all the values are JSON's own, found out without a Python step for each of them."""
        kinds = set(map(type, values))
        if kinds == {int}:
            return min(values) >= _LEAST and max(values) <= _MOST
        if kinds == {float}:
            return all(map(isfinite, values))
        if not kinds <= _TEXTS or self.surrogates:
            return False
        if str in kinds:
            self.spend(sum(len(value) for value in values if type(value) is str))
        return True

    def keys_are_plain(self, value: dict[Any, Any]) -> bool:
        """Whether a dict can be a JSON object: string keys, and not taken for a tag."""
        key: Any = ""
        for key in value:
            if type(key) is not str or (self.surrogates and _has_surrogate(key)):
                return False
            self.left -= len(key)
        return len(value) > 1 or key[:1] != "$"

    def arranged(self, pairs: list[list[Any]]) -> list[list[Any]]:
        """Return the pairs of a dict in the order in which they are written."""
        return pairs


class _UnorderedWalk(_Walk):
    """A pass for digests: equal dicts look equal, whatever their order."""

    __slots__ = ()

    def arranged(self, pairs: list[list[Any]]) -> list[list[Any]]:
        return sorted(pairs, key=_write_sorted)


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _key_name(key: object) -> str:
    return repr(key) if type(key) in (str, int, bool, type(None)) else f"<{_type_name(key)}>"


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# --- from values to JSON: each converter takes the walk, the value and its depth ---


def _plain(walk: _Walk, value: Any) -> Any:
    try:
        plain = _CONVERTERS.get(cast("type[Any]", type(value)), _other)(walk, value, 0)
    except NotCanonical as error:
        path = error.path if len(error.path) <= MAX_PATH else f"{error.path[:MAX_PATH]}…"
        raise NotCanonical(f"value{path}", error.type_name) from None
    walk.spend(0)
    return plain


def _same(walk: _Walk, value: Any, depth: int) -> Any:
    return value


def _int(walk: _Walk, value: int, depth: int) -> Any:
    # Hexadecimal has no limit of digits, and takes linear time.
    return value if _LEAST <= value <= _MOST else {"$int": hex(value)}


def _float(walk: _Walk, value: float, depth: int) -> Any:
    return value if isfinite(value) else {"$float": repr(value)}


def _str(walk: _Walk, value: str, depth: int) -> Any:
    # Found out to be too much by the next list or at the end, before anything is written.
    walk.left -= len(value)
    if walk.surrogates and _has_surrogate(value):
        return {"$str": value.encode("unicode_escape").decode("ascii")}
    return value


def _list(walk: _Walk, value: list[Any], depth: int) -> Any:
    return walk.items(value, depth)


def _tuple(walk: _Walk, value: tuple[Any, ...], depth: int) -> Any:
    return {"$tuple": walk.items(value, depth)}


def _dict(walk: _Walk, value: dict[Any, Any], depth: int) -> Any:
    if not value:
        return value
    values = list(value.values())
    plain = walk.items(values, depth, value)
    if walk.keys_are_plain(value):
        return dict(zip(value, plain, strict=True))
    keys = walk.items(list(value), depth, value)
    return {"$dict": walk.arranged([[key, item] for key, item in zip(keys, plain, strict=True)])}


def _set(walk: _Walk, value: set[Any] | frozenset[Any], depth: int) -> Any:
    tag = "$set" if type(value) is set else "$frozenset"
    return {tag: sorted(walk.items(list(value), depth), key=_write_sorted)}


def _bytes(walk: _Walk, value: bytes, depth: int) -> Any:
    walk.spend(len(value))
    return {"$bytes": b64encode(value).decode("ascii")}


def _decimal(walk: _Walk, value: Decimal, depth: int) -> Any:
    return {"$decimal": str(value)}


def _datetime(walk: _Walk, value: datetime, depth: int) -> Any:
    return {"$datetime": _moment(value)}


def _date(walk: _Walk, value: date, depth: int) -> Any:
    return {"$date": value.isoformat()}


def _time(walk: _Walk, value: time, depth: int) -> Any:
    return {"$time": _moment(value)}


def _moment(value: datetime | time) -> Any:
    """Return ISO text; with the zone's key and the fold in a list where the text alone would lose them."""
    zone = value.tzinfo
    if zone is None or (type(zone) is timezone and _is_unnamed(zone)):
        return [value.isoformat(), None, 1] if value.fold else value.isoformat()
    key = cast("ZoneInfo", zone).key if type(zone) is _zone_type() else None
    if key:
        return [value.replace(tzinfo=None).isoformat(), key, value.fold]
    raise NotCanonical(".tzinfo", _type_name(zone))


def _is_unnamed(zone: timezone) -> bool:
    return zone.tzname(None) == timezone(zone.utcoffset(None)).tzname(None)


def _timedelta(walk: _Walk, value: timedelta, depth: int) -> Any:
    return {"$timedelta": [value.days, value.seconds, value.microseconds]}


def _uuid(walk: _Walk, value: UUID, depth: int) -> Any:
    return {"$uuid": value.hex}


def _other(walk: _Walk, value: Any, depth: int) -> Any:
    """Convert a member of an Enum that can be found again by its name, and refuse all else."""
    kind = cast("type[Any]", type(value))
    if not isinstance(value, Enum):
        raise NotCanonical("", _type_name(value))
    # Combined flags have a name too, but no member by it.
    if kind.__members__.get(value.name) is value and _loaded(kind.__module__, kind.__qualname__) is kind:
        return {"$enum": [kind.__module__, kind.__qualname__, value.name]}
    raise NotCanonical("", f"{_type_name(value)} (an Enum member that cannot be found again by its name)")


def _loaded(module: str, qualname: str) -> Any:
    """Return what has this name in a module that is loaded already, or None.

    Nothing is imported: a text that comes from elsewhere must not choose what code runs.
    """
    found: Any = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


_CONVERTERS: dict[type[Any], Callable[[_Walk, Any, int], Any]] = {
    type(None): _same,
    bool: _same,
    int: _int,
    float: _float,
    str: _str,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _set,
    bytes: _bytes,
    Decimal: _decimal,
    datetime: _datetime,
    date: _date,
    time: _time,
    timedelta: _timedelta,
    UUID: _uuid,
    type(Path()): lambda walk, value, depth: {"$path": _str(walk, str(value), depth)},
}


# --- and back ---


def _restored(value: Any) -> Any:
    if type(value) is list:
        return [_restored(item) for item in cast("list[Any]", value)]
    if type(value) is not dict:
        return value
    pairs = cast("dict[str, Any]", value)
    if len(pairs) == 1:
        (tag, content) = next(iter(pairs.items()))
        if tag.startswith("$"):
            return _RESTORERS[tag](content)
    return {key: _restored(item) for key, item in pairs.items()}


def _restored_enum(content: list[str]) -> Any:
    module, qualname, name = content
    kind = _loaded(module, qualname)
    if not (isinstance(kind, type) and issubclass(kind, Enum)):
        raise SerializationError(
            f"The value is {qualname}.{name} of module {module!r}, which has no such Enum or is not imported yet. "
            f"Import {module} before reading the value."
        )
    return kind.__members__[name]


def _restored_moment(kind: type[datetime] | type[time], content: Any) -> Any:
    if isinstance(content, str):
        return kind.fromisoformat(content)
    text, zone, fold = content
    moment = kind.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo if zone is None else _zone_type()(zone), fold=fold)


def _zone_type() -> type[ZoneInfo]:
    # Few values have a time zone by name, and looking for the machine's files of zones takes milliseconds.
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    return ZoneInfo


_RESTORERS: dict[str, Callable[[Any], Any]] = {
    "$int": lambda content: int(content, 16),
    "$float": float,
    "$str": lambda content: content.encode("ascii").decode("unicode_escape"),
    "$tuple": lambda content: tuple(map(_restored, content)),
    "$dict": lambda content: {_restored(key): _restored(item) for key, item in content},
    "$set": lambda content: set(map(_restored, content)),
    "$frozenset": lambda content: frozenset(map(_restored, content)),
    "$bytes": lambda content: b64decode(content, validate=True),
    "$decimal": Decimal,
    "$datetime": lambda content: _restored_moment(datetime, content),
    "$date": date.fromisoformat,
    "$time": lambda content: _restored_moment(time, content),
    "$timedelta": lambda content: timedelta(*content),
    "$uuid": lambda content: UUID(hex=content),
    "$path": lambda content: Path(_restored(content)),
    "$enum": _restored_enum,
}
