"""Schema: what the parameters of a flow may be, as JSON schema, for forms and checks where the flow is not at hand."""

import inspect
from collections.abc import Mapping
from typing import Any, cast

from segue.exceptions import InvalidRun, ParameterTypeError
from segue.flows import Flow
from segue.suggestions import did_you_mean
from segue.validation import Check, jsonable, namespace_of, schema_of

__all__ = ("check_parameters", "parameter_schema")

_EMPTY = inspect.Parameter.empty
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def parameter_schema(flow: Flow[..., Any]) -> dict[str, Any]:
    """Return the schema of an object with the flow's parameters, each with its `title`, `position` and `default`.

    It can be written as JSON. A default that JSON cannot say is left out; a parameter that takes what has no other
    name is `additionalProperties`.
    """
    parameters = _parameters(flow)
    namespace = namespace_of(flow.parameters.fn)
    named = [one for one in parameters.values() if one.kind not in _VARIADIC]
    schema = schema_of([Check(one, namespace) for one in named])
    properties: dict[str, dict[str, Any]] = schema.get("properties", {})
    for position, one in enumerate(named):
        properties[one.name] |= {"title": one.name, "position": position, **_default(one.default)}
    made: dict[str, Any] = {"title": "Parameters", "type": "object", "properties": properties}
    required = [one.name for one in named if one.default is _EMPTY]
    if required:
        made["required"] = required
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        made["additionalProperties"] = True
    return made | ({"$defs": schema["$defs"]} if "$defs" in schema else {})


def check_parameters(flow: Flow[..., Any], given: Mapping[str, Any], *, types: bool = True) -> None:
    """Raise InvalidRun for parameters that the flow does not have, or, with `types`, whose values do not fit."""
    parameters = _parameters(flow)
    known = [name for name, one in parameters.items() if one.kind not in _VARIADIC]
    unknown = [name for name in given if name not in known]
    if unknown and not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()):
        names = ", ".join(f"'{name}'" for name in unknown)
        there = f"has {', '.join(known)}" if known else "has none"
        hint = did_you_mean(unknown[0], known)
        raise InvalidRun(f"Flow '{flow.name}' has no parameter {names}.{hint} It {there}.")
    if types:
        try:
            flow.validate_parameters({name: value for name, value in given.items() if name in known})
        except ParameterTypeError as error:
            faults = "; ".join(line.removeprefix(" - ") for line in str(error).splitlines()[1:])
            raise InvalidRun(f"The parameters do not fit flow '{flow.name}': {faults}.") from None


def _parameters(flow: Flow[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters that are given by whoever has the flow run: all but the object that a method is bound to."""
    every = list(flow.parameters.signature.parameters.items())
    return dict(every[len(flow.bound) :])


def _default(value: Any) -> dict[str, Any]:
    if value is _EMPTY:
        return {}
    try:
        shown = jsonable(value)
    except TypeError:
        return {}
    # Such as NaN, of which there is none in JSON.
    return {} if shown is None and value is not None else {"default": cast("object", shown)}
