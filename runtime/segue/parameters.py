"""The parameters of a flow or task function: bound to names, validated, and shown as JSON."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property, singledispatch
from math import isfinite
from pathlib import PurePath
from typing import Any, cast
from uuid import UUID

import msgspec

from segue import canonical
from segue.exceptions import NotCanonical, ParameterBindError
from segue.validation import UNCHECKED, Check, coerced, namespace_of

# What `record` keeps of one value, and of all values of a call.
VALUE_CAP = 64 * 1024
TOTAL_CAP = 512 * 1024
_HEAD = 200
_MAX_DEPTH = 50
_MAX_BITS = 1024

_POSITIONAL_ONLY = inspect.Parameter.POSITIONAL_ONLY
_KEYWORD_ONLY = inspect.Parameter.KEYWORD_ONLY
_VAR_POSITIONAL = inspect.Parameter.VAR_POSITIONAL
_POSITIONAL = (_POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_EMPTY = inspect.Parameter.empty


class Parameters:
    """The parameters of one function, read from its signature once and bound many times."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        """Read the signature of any callable; raises TypeError if it has none that Python can tell."""
        try:
            self.signature = inspect.signature(fn)
        except ValueError as error:
            raise TypeError(f"The parameters of {fn!r} cannot be read: {error}. Wrap it in a function.") from error
        self.fn = fn
        self.names = tuple(self.signature.parameters)
        kinds = {name: parameter.kind for name, parameter in self.signature.parameters.items()}
        self._positional = tuple(name for name, kind in kinds.items() if kind in _POSITIONAL)
        self._keyword = tuple(name for name, kind in kinds.items() if kind is _KEYWORD_ONLY)
        self._args = next((name for name, kind in kinds.items() if kind is _VAR_POSITIONAL), None)
        self._kwargs = next((name for name, kind in kinds.items() if kind is inspect.Parameter.VAR_KEYWORD), None)
        self._binder = _binder(self.signature, getattr(fn, "__name__", type(fn).__name__))

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of each parameter by name, in the order of the signature and with the defaults.

        Raises ParameterBindError, in Python's own words, if the arguments do not fit the signature.
        """
        try:
            return self._binder(*args, **kwargs)
        except TypeError as error:
            name = getattr(self.fn, "__name__", type(self.fn).__name__)
            raise ParameterBindError(f"{error}. Its signature is {name}{self.signature}.") from None

    def call_args(self, parameters: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the positional and the keyword arguments that call the function with these parameters."""
        args = [parameters[name] for name in self._positional]
        kwargs = {name: parameters[name] for name in self._keyword}
        if self._args is not None:
            args.extend(parameters[self._args])
        if self._kwargs is not None:
            kwargs.update(parameters[self._kwargs])
        return tuple(args), kwargs

    @property
    def needs_validation(self) -> bool:
        """Whether any parameter has an annotation that says what its values are."""
        return bool(self._checks)

    def validate(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters, coerced to their annotations as pydantic does it ("5" becomes 5 for an int).

        Defaults are taken as they are, and so is an argument whose annotation pydantic cannot read.
        Raises ParameterTypeError with a line for each value that does not fit.
        """
        doubtful = [check for check in self._checks if not check.holds(parameters.get(check.name, check.default))]
        return coerced(doubtful, parameters) if doubtful else parameters

    @cached_property
    def _checks(self) -> tuple[Check, ...]:
        namespace = namespace_of(self.fn)
        checks = [Check(parameter, namespace) for parameter in self.signature.parameters.values()]
        return tuple(check for check in checks if check.annotation not in UNCHECKED)


def _binder(signature: inspect.Signature, name: str) -> Callable[..., dict[str, Any]]:
    """Make a function with this signature which returns its arguments as a dict.

    Python's own call is the fastest way to bind arguments, and words its own errors. `inspect` has seen to it
    that the names are identifiers.
    """
    words: list[str] = []
    before = None
    for parameter in signature.parameters.values():
        if before is _POSITIONAL_ONLY and parameter.kind is not _POSITIONAL_ONLY:
            words.append("/")
        if parameter.kind is _KEYWORD_ONLY and before not in (_KEYWORD_ONLY, _VAR_POSITIONAL):
            words.append("*")
        word = str(parameter.replace(annotation=_EMPTY, default=_EMPTY))
        words.append(word if parameter.default is _EMPTY else f"{word}=None")
        before = parameter.kind
    if before is _POSITIONAL_ONLY:
        words.append("/")
    items = ", ".join(f"{word!r}: {word}" for word in signature.parameters)
    made: dict[str, Any] = {}
    exec(f"def binder({', '.join(words)}):\n    return {{{items}}}", made)
    binder = cast("types.FunctionType", made["binder"])
    defaults = {key: p.default for key, p in signature.parameters.items() if p.default is not _EMPTY}
    keyword = {key for key, p in signature.parameters.items() if p.kind is _KEYWORD_ONLY}
    binder.__defaults__ = tuple(value for key, value in defaults.items() if key not in keyword)
    binder.__kwdefaults__ = {key: value for key, value in defaults.items() if key in keyword}
    binder.__name__ = binder.__qualname__ = name
    return binder


# --- for the journal ---


class _TooLargeError(Exception):
    """The value is larger than what is kept of one."""


def record(parameters: Mapping[str, Any]) -> bytes:
    """Return the parameters as a JSON object to look at, at most about 512 KiB long.

    Models and dataclasses are objects, dates are ISO text, and what JSON cannot say is "<TypeName>". Of values
    over 64 KiB no more than the beginning is kept, and the text says how much was left out.
    """
    left = TOTAL_CAP
    shown: dict[str, msgspec.Raw] = {}
    for name, value in parameters.items():
        text = _shown(value)
        if len(text) > left:
            text = msgspec.json.encode(f"<… {_size(len(text))} left out>")
        left -= len(text)
        shown[_clean(name)] = msgspec.Raw(text)
    return msgspec.json.encode(shown)


def _shown(value: Any) -> bytes:
    try:
        text = canonical.encode_within(value, VALUE_CAP)
    except NotCanonical:
        text = None
    if text is not None and b'"$' not in text:
        return text
    try:
        text = msgspec.json.encode(_plain(value, _Room()))
    except _TooLargeError:
        return msgspec.json.encode(_beginning(value))
    except Exception:  # an argument can be any object, and looking at it may run any code
        return msgspec.json.encode(f"<{type(value).__name__}>")
    return text if len(text) <= VALUE_CAP else msgspec.json.encode(_beginning(value))


def _beginning(value: Any) -> str:
    if isinstance(value, str):
        return f"{_clean(value[:_HEAD])}<… {_size(len(value) - _HEAD)} left out>"
    return f"<{type(value).__name__} … more than {_size(VALUE_CAP)} left out>"


def _size(count: int) -> str:
    if count >= 1_000_000:
        return f"{count / 1_000_000:.0f} MB"
    return f"{count / 1000:.0f} kB" if count >= 1000 else f"{count} bytes"


def _clean(text: str) -> str:
    """Return the text with lone surrogates, which JSON cannot carry, written as \\udc80."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class _Room:
    """How much more of a value is looked at."""

    __slots__ = ("depth", "left")

    def __init__(self) -> None:
        self.left = VALUE_CAP
        self.depth = 0

    def spend(self, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise _TooLargeError

    def all(self, values: Iterable[Any]) -> list[Any]:
        """Return the values in plain form, one level further down."""
        if self.depth == _MAX_DEPTH:
            raise _TooLargeError
        self.depth += 1
        plain = [_plain(value, self) for value in values]
        self.depth -= 1
        return plain

    def object(self, pairs: Mapping[Any, Any]) -> dict[str, Any]:
        """Return the pairs as a JSON object."""
        return dict(zip((_clean(str(key)) for key in pairs), self.all(pairs.values()), strict=True))


def _plain(value: Any, room: _Room) -> Any:
    room.spend(2)
    return _look(value, room)


@singledispatch
def _look(value: Any, room: _Room) -> Any:
    """Return what JSON can say of the value; one way for each kind of it, subclasses included."""
    dump = getattr(cast("type[Any]", type(value)), "model_dump", None)
    try:
        if callable(dump):
            return _plain(dump(value, mode="json"), room)
        if isinstance(value, msgspec.Struct):
            return room.object(msgspec.structs.asdict(value))
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return room.object({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    except _TooLargeError:
        raise
    except Exception:  # anyone's model may fail to be shown: its name is shown then
        return f"<{type(value).__name__}>"
    return f"<{type(value).__name__}>"


@_look.register(type(None))
@_look.register(bool)
def _(value: bool | None, room: _Room) -> Any:
    return value


@_look.register(str)
def _(value: str, room: _Room) -> Any:
    room.spend(len(value))
    return _clean(str(value))


@_look.register(int)
def _(value: int, room: _Room) -> Any:
    # Python refuses to write very long numbers in decimal.
    return int(value) if value.bit_length() <= _MAX_BITS else f"<int of {value.bit_length()} bits>"


@_look.register(float)
def _(value: float, room: _Room) -> Any:
    if isfinite(value):
        return float(value)
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"


@_look.register(date)
@_look.register(time)
def _(value: date | time, room: _Room) -> Any:
    return value.isoformat()


@_look.register(timedelta)
def _(value: timedelta, room: _Room) -> Any:
    return value.total_seconds()


@_look.register(Decimal)
@_look.register(UUID)
@_look.register(PurePath)
def _(value: object, room: _Room) -> Any:
    return _look(str(value), room)


@_look.register(Enum)
def _(value: Enum, room: _Room) -> Any:
    return _plain(value.value, room)


@_look.register(list)
@_look.register(tuple)
@_look.register(set)
@_look.register(frozenset)
def _(value: Iterable[Any], room: _Room) -> Any:
    return room.all(value)


@_look.register(Mapping)
def _(value: Mapping[Any, Any], room: _Room) -> Any:
    return room.object(value)
