"""What the annotations of parameters ask of their values: pydantic's coercion, imported only when needed."""

from __future__ import annotations

import inspect
import types
import warnings
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from segue.exceptions import ParameterTypeError

UNCHECKED: frozenset[Any] = frozenset({inspect.Parameter.empty, Any, object})
_PLAIN: frozenset[Any] = frozenset({int, float, str, bool, bytes, list, tuple, dict, set, frozenset, type(None)})


class Check:
    """What the annotation of one parameter asks of its value."""

    def __init__(self, parameter: inspect.Parameter, namespace: dict[str, Any]) -> None:
        self.name = parameter.name
        self.variadic = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        self.default = () if self.variadic else parameter.default
        self.module = namespace.get("__name__", __name__)
        self.annotation = _resolved(parameter.annotation, namespace)
        self.exact = _exact_types(self.annotation)
        if self.variadic and self.annotation not in UNCHECKED:
            many = parameter.kind is inspect.Parameter.VAR_POSITIONAL
            self.annotation = tuple[self.annotation, ...] if many else dict[str, self.annotation]

    def holds(self, value: Any) -> bool:
        """Whether the value is plainly right, found out without pydantic (whose import takes long)."""
        if self.variadic:
            values = cast("dict[str, Any]", value).values() if isinstance(value, dict) else value
            return all(type(one) in self.exact for one in values)
        return value is self.default or type(value) in self.exact

    @cached_property
    def validator(self) -> Callable[[Any], Any] | None:
        """The pydantic validation of the annotation, or None if pydantic can make nothing of it."""
        # Half of segue's time to start would be pydantic's import: most flows need none.
        import pydantic  # noqa: PLC0415

        config = pydantic.ConfigDict(arbitrary_types_allowed=True)
        try:
            model: Any = pydantic.create_model(  # pyright: ignore[reportCallIssue, reportUnknownVariableType]
                "Parameter", __config__=config, __module__=self.module, value=(self.annotation, ...)
            )
        except (pydantic.errors.PydanticUserError, TypeError, NameError, UserWarning):
            return None
        if not model.__pydantic_complete__:
            return None
        return lambda value: model.model_validate({"value": value}).value


def coerced(checks: list[Check], parameters: dict[str, Any]) -> dict[str, Any]:
    # By now pydantic is needed; see Check.validator.
    import pydantic  # noqa: PLC0415

    coerced, faults = dict(parameters), list[str]()
    for check in checks:
        if check.validator is None or check.name not in parameters:
            continue
        try:
            coerced[check.name] = check.validator(parameters[check.name])
        except pydantic.ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False, include_context=False):
                place = ".".join(str(step) for step in (check.name, *fault["loc"][1:]))
                faults.append(f" - {place}: {fault['msg']}")
    if faults:
        raise ParameterTypeError("\n".join(["Flow run received invalid parameters:", *faults]))
    return coerced


def schema_of(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the JSON schema of an object with a property for each check; what pydantic cannot read may be anything."""
    # A deployment is made rarely; see Check.validator.
    import pydantic  # noqa: PLC0415

    readable = [check for check in checks if check.validator and _json_schema({"value": (check.annotation, ...)})]
    # By aliases, since a model's own names cannot be those of just any parameter.
    fields: dict[str, Any] = {
        f"p{number}": (check.annotation if check in readable else Any, pydantic.Field(alias=check.name))
        for number, check in enumerate(checks)
    }
    return _json_schema(fields) or {}


def jsonable(value: Any) -> Any:
    """Return what JSON says of a value, as pydantic writes it; raises TypeError for one that it cannot write."""
    import pydantic  # noqa: PLC0415

    try:
        return pydantic.TypeAdapter(Any).dump_python(value, mode="json")
    except (ValueError, RecursionError) as error:
        raise TypeError(str(error)) from error


def _json_schema(fields: dict[str, Any]) -> dict[str, Any] | None:
    """Return the JSON schema of a model with these fields, or None if there is none."""
    import pydantic  # noqa: PLC0415

    config = pydantic.ConfigDict(arbitrary_types_allowed=True)
    try:
        # Pydantic warns of defaults that JSON cannot say, inside of somebody's model; they are left out.
        with warnings.catch_warnings(action="ignore"):
            model: Any = pydantic.create_model("Parameters", __config__=config, **fields)  # pyright: ignore[reportUnknownVariableType]
            return model.model_json_schema()
    except (pydantic.errors.PydanticUserError, TypeError, NameError):
        return None


def _resolved(annotation: Any, namespace: dict[str, Any]) -> Any:
    """Return what an annotation means if it is text, or contains some; Any if that cannot be told."""

    if annotation in UNCHECKED:
        return annotation

    def holder() -> None: ...

    holder.__annotations__ = {"value": annotation}
    try:
        return get_type_hints(holder, namespace, include_extras=True)["value"]
    except Exception:  # it is anyone's code, written for type checkers: names missing at run time are common
        return Any


def _exact_types(annotation: Any) -> frozenset[Any]:
    """Return the types of which a value satisfies the annotation as it is, where that needs no look inside."""
    if get_origin(annotation) in (Union, types.UnionType):
        members = frozenset(get_args(annotation))
        return members if members <= _PLAIN else frozenset()
    return frozenset({annotation}) if isinstance(annotation, type) and annotation in _PLAIN else frozenset()


def namespace_of(fn: Any) -> dict[str, Any]:
    """Return the globals in which the function that was wrapped, bound or filled in was written."""
    while True:
        if isinstance(fn, partial):
            fn = cast("partial[Any]", fn).func
        elif hasattr(fn, "__wrapped__"):
            fn = fn.__wrapped__
        elif inspect.ismethod(fn):
            fn = fn.__func__
        elif inspect.isfunction(fn):
            return fn.__globals__
        elif isinstance(fn, type):
            fn = fn.__init__
        elif inspect.isfunction(type(fn).__call__):
            fn = type(fn).__call__
        else:
            return {}
