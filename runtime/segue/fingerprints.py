"""Fingerprints: digests of any value that is data, also of what has no canonical JSON.

Never by hashing pickled bytes: those differ for equal sets, and for equal lists that share their elements. A value
is taken apart instead, as pickle would (its class, and what it is made of), and the parts are digested: sets by
their elements' digests in order, models by their fields. What cannot be taken apart into data has no fingerprint.
"""

from __future__ import annotations

import copyreg
import types
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import Any, cast

from segue import canonical
from segue.exceptions import HashError, NotCanonical

_MAX_DEPTH = 40
# A value may hold the same object many times over, and each time it is looked at again.
_MAX_PARTS = 1_000_000
# Larger ones go straight to the hash, past canonical JSON and its limit.
_LARGE_BYTES = 256 * 1024


def fingerprint(value: Any) -> str:
    """Return 22 characters, equal for values of the same type and content in every process.

    Raises HashError, with the type of the part that is not data (a function, an open file, a lock, an iterator),
    or that is nested too deep or too large.
    """
    try:
        return canonical.digest(value)
    except NotCanonical:
        pass
    try:
        return canonical.digest("segue.fingerprint", _Parts().of(value))
    except (NotCanonical, RecursionError) as error:
        raise HashError(f"it is too large or nested too deep ({error})") from error


class _Parts:
    """One pass over a value, turning it into canonical values that stand for what it is made of."""

    __slots__ = ("depth", "left")

    def __init__(self) -> None:
        self.depth = 0
        self.left = _MAX_PARTS

    def of(self, value: Any) -> Any:
        """Return canonical values that stand for this one, at the present depth."""
        self.left -= 1
        if self.depth == _MAX_DEPTH or self.left < 0:
            raise HashError(f"it is nested more than {_MAX_DEPTH} deep, contains itself, or has too many parts")
        self.depth += 1
        kind = cast("type[Any]", type(value))
        parts = self._plain(value, kind) or self._taken_apart(value, kind)
        self.depth -= 1
        return parts

    def digest(self, value: Any) -> str:
        return canonical.digest(self.of(value))

    def _plain(self, value: Any, kind: type[Any]) -> Any:
        """Return what stands for a value that has a canonical form, or None."""
        if isinstance(value, (bytes, bytearray)) and len(value) > _LARGE_BYTES:
            return _object(kind, canonical.digest_of(bytes(value)))
        try:
            return "plain", canonical.digest(value)
        except NotCanonical:
            return None

    def _taken_apart(self, value: Any, kind: type[Any]) -> Any:
        if kind in (list, tuple):
            return _object(kind, [self.digest(item) for item in value])
        if kind is dict:
            return _object(kind, self._pairs(value.items()))
        if isinstance(value, (set, frozenset)):
            elements = sorted(map(self.digest, cast("set[Any]", value)))
            return _object(kind, [elements, self.of(getattr(cast("Any", value), "__dict__", None))])
        if isinstance(value, type):
            return _object(type, _name(cast("type[Any]", value)))
        if isinstance(value, (types.FunctionType, types.MethodType, types.ModuleType, Iterator)):
            # The code of a function, and all it refers to, can change behind its name; an iterator is used up.
            raise HashError(f"{_name(kind)} is not data")
        if hasattr(kind, "model_fields"):
            # A pydantic model also pickles which fields were given, and equal ones may differ in that.
            inner = [getattr(value, name, None) for name in ("__dict__", "__pydantic_extra__", "__pydantic_private__")]
            return _object(kind, self.of(inner))
        return _object(kind, self._reduced(value, kind))

    def _reduced(self, value: Any, kind: type[Any]) -> Any:
        """Return what pickle would make the value of again: a callable's name, its arguments, and the rest."""
        reduce = copyreg.dispatch_table.get(kind)
        try:
            reduced: Any = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception as error:  # an object's own way of saying that it is not to be copied
            raise HashError(f"{_name(kind)} cannot be taken apart ({type(error).__name__}: {error})") from error
        if isinstance(reduced, str):
            return reduced
        # (callable, arguments), and as far as there are any: state, list elements, dict items.
        filled: list[Any] = [*reduced, None, None, None]
        make, args, state, items, pairs = filled[:5]
        return [
            f"{getattr(make, '__module__', '')}.{getattr(make, '__qualname__', repr(make))}",
            [self.digest(arg) for arg in args],
            self.digest(state),
            [self.digest(item) for item in items or ()],
            self._pairs(pairs or (), ordered=isinstance(value, OrderedDict)),
        ]

    def _pairs(self, pairs: Iterable[tuple[Any, Any]], *, ordered: bool = False) -> list[tuple[str, str]]:
        digests = [(self.digest(key), self.digest(item)) for key, item in pairs]
        return digests if ordered else sorted(digests)


def _object(kind: type[Any], content: Any) -> tuple[str, str, str]:
    # Digested at each object, so that objects within objects do not make the canonical value deep.
    return "object", _name(kind), canonical.digest(content)


def _name(kind: type[Any]) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
