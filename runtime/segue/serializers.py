"""Serializers: a task's result as bytes and back, by name or with settings of one's own."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Generic, TypeVar, cast

import msgspec

from segue import canonical
from segue.exceptions import NotCanonical, ResultNotSerializable, SerializationError

D = TypeVar("D")

# How many parts of a value are tried one by one to find the one that cannot be pickled.
_MAX_TRIALS = 500
_MAX_DEPTH = 8


_types: dict[str, type[Serializer[Any]]] = {}


class Serializer(ABC, Generic[D]):
    """A way to write values as bytes; a subclass with a `type` of its own can be asked for by that name."""

    type: ClassVar[str]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if not isinstance(cls.__dict__.get("type"), str):
            cls.type = f"{cls.__module__}.{cls.__qualname__}"
        _types[cls.type] = cls

    @abstractmethod
    def dumps(self, obj: D) -> bytes:
        """Return the value as bytes; raises ResultNotSerializable if it cannot be written."""

    @abstractmethod
    def loads(self, blob: bytes) -> D:
        """Return the value that `dumps` wrote; may raise anything if the bytes are not from there."""

    def spec(self) -> dict[str, Any]:
        """Return the serializer's type and settings, as JSON values from which `resolve_serializer` makes it."""
        settings: dict[str, Any] = {}
        for setting in dataclasses.fields(self) if dataclasses.is_dataclass(self) else ():
            value = getattr(self, setting.name)
            if value not in (setting.default, {}):
                settings[setting.name] = cast("Any", value.spec() if isinstance(value, Serializer) else value)
        return {"type": self.type, **settings}


@dataclass(frozen=True)
class PickleSerializer(Serializer[Any]):
    """Any value that pickle can write; by default with cloudpickle, which knows functions and classes too."""

    type: ClassVar[str] = "pickle"

    picklelib: str = "cloudpickle"

    def dumps(self, obj: Any) -> bytes:
        # cloudpickle takes as long to import as the rest of segue's results: only here it is needed.
        pickler = import_module(self.picklelib)
        try:
            return pickler.dumps(obj)
        except Exception as error:  # whatever an object's own way of being pickled raises
            path, culprit = _culprit(obj, pickler.dumps)
            raise ResultNotSerializable(
                f"{path} is a {_type_name(culprit)}, which {self.picklelib} cannot write ({_said(error)}). "
                f"Return something else, or leave the result unkept with persist_result=False."
            ) from error

    def loads(self, blob: bytes) -> Any:
        return import_module(self.picklelib).loads(blob)


@dataclass(frozen=True)
class JSONSerializer(Serializer[Any]):
    """JSON that comes back with its types (segue.canonical); or, with any setting, what `jsonlib` makes of it.

    `object_encoder` and `object_decoder` are import paths ("module.name") of functions that turn what JSON does
    not know into what it does, and JSON objects back; the keyword arguments go to `dumps` and `loads`.
    """

    type: ClassVar[str] = "json"

    jsonlib: str = "json"
    object_encoder: str | None = None
    object_decoder: str | None = None
    dumps_kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    loads_kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        try:
            msgspec.json.encode([self.dumps_kwargs, self.loads_kwargs])
        except TypeError as error:
            # They are written down with each result, for whoever reads it.
            raise ValueError(f"The keyword arguments of a JSONSerializer must be JSON values: {error}.") from error

    def dumps(self, obj: Any) -> bytes:
        if self._is_canonical:
            try:
                return canonical.encode(obj)
            except NotCanonical as error:
                raise ResultNotSerializable(f"{error} Use result_serializer='pickle' for such a result.") from error
        options = dict(self.dumps_kwargs)
        if self.object_encoder is not None:
            options["default"] = _imported(self.object_encoder)
        try:
            text: str | bytes = import_module(self.jsonlib).dumps(obj, **options)
        except (TypeError, ValueError, RecursionError) as error:
            raise ResultNotSerializable(
                f"The result is a {_type_name(obj)} that is not JSON: {_said(error)}"
            ) from error
        return text.encode() if isinstance(text, str) else text

    def loads(self, blob: bytes) -> Any:
        if self._is_canonical:
            return canonical.decode(blob)
        options = dict(self.loads_kwargs)
        if self.object_decoder is not None:
            options["object_hook"] = _imported(self.object_decoder)
        return import_module(self.jsonlib).loads(blob, **options)

    @property
    def _is_canonical(self) -> bool:
        return self == JSONSerializer()


@dataclass(frozen=True)
class CompressedSerializer(Serializer[Any]):
    """Another serializer's bytes, compressed by a module with `compress` and `decompress` (lzma, zlib, bz2 …)."""

    type: ClassVar[str] = "compressed"

    serializer: Serializer[Any] | str = "pickle"
    compressionlib: str = "lzma"

    def __post_init__(self) -> None:
        module = import_module(self.compressionlib)
        if not (hasattr(module, "compress") and hasattr(module, "decompress")):
            raise ValueError(f"compressionlib {self.compressionlib!r} has no functions compress() and decompress().")
        object.__setattr__(self, "serializer", resolve_serializer(self.serializer))

    def dumps(self, obj: Any) -> bytes:
        return import_module(self.compressionlib).compress(resolve_serializer(self.serializer).dumps(obj))

    def loads(self, blob: bytes) -> Any:
        return resolve_serializer(self.serializer).loads(import_module(self.compressionlib).decompress(blob))


class CompressedPickleSerializer(CompressedSerializer):
    """Pickled and compressed."""

    type: ClassVar[str] = "compressed/pickle"


@dataclass(frozen=True)
class CompressedJSONSerializer(CompressedSerializer):
    """JSON, compressed."""

    type: ClassVar[str] = "compressed/json"

    serializer: Serializer[Any] | str = "json"


def resolve_serializer(given: Serializer[Any] | str | Mapping[str, Any]) -> Serializer[Any]:
    """Return the serializer of this name or `spec()`, or the one given; SerializationError for an unknown name."""
    if isinstance(given, Serializer):
        return given
    spec = {"type": given} if isinstance(given, str) else dict(given)
    name = spec.pop("type", None)
    kind = _types.get(str(name))
    if kind is None:
        raise SerializationError(
            f"There is no serializer {name!r}. Known are: {', '.join(_types)}; one of your own must be imported first."
        )
    return kind(**{name: resolve_serializer(value) if name == "serializer" else value for name, value in spec.items()})


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    return getattr(import_module(module), name)


def _type_name(value: object) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _culprit(value: Any, dumps: Any) -> tuple[str, Any]:
    """Return the path to the innermost part of a value that cannot be written, and that part."""
    path, trials = "The result", _MAX_TRIALS
    for _ in range(_MAX_DEPTH):
        for place, part in _parts(value):
            trials -= 1
            if trials < 0:
                return path, value
            try:
                dumps(part)
            except Exception:
                path, value = f"{path}{place}", part
                break
        else:
            return path, value
    return path, value


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the elements and attributes of a value, each with how one writes it in Python."""
    if isinstance(value, Mapping):
        for key, item in cast("Mapping[Any, Any]", value).items():
            yield f"[{key!r:.50}]", item
    elif isinstance(value, (list, tuple, set, frozenset)):
        for index, item in enumerate(cast("list[Any]", value)):
            yield f"[{index}]", item
    for name, item in getattr(cast("Any", value), "__dict__", {}).items():
        yield f".{name}", item
