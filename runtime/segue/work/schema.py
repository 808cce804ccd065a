"""Schema: whether a run's parameters fit the JSON schema of its deployment, and whether that is one."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from segue.exceptions import InvalidRun, InvalidWork
from segue.records.work import Deployment
from segue.suggestions import did_you_mean

if TYPE_CHECKING:
    from jsonschema_rs import Draft202012Validator

__all__ = ("check_parameters", "check_schema")

_MOST_TOLD = 5


def check_schema(deployment: Deployment) -> None:
    """Raise InvalidWork for a deployment whose parameter schema is no JSON schema."""
    try:
        _validator(msgspec.json.encode(deployment.parameter_schema))
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise InvalidWork(
            f"The parameter schema of deployment '{deployment.full_name}' is no JSON schema: {reason}. Leave it out to "
            "have the parameters unchecked."
        ) from None


def check_parameters(deployment: Deployment, parameters: Mapping[str, Any]) -> None:
    """Raise InvalidRun for parameters that do not fit, unless the deployment does not enforce its schema."""
    schema = deployment.parameter_schema
    if not schema or not deployment.enforce_parameter_schema:
        return
    _check_names(deployment, parameters)
    plain = msgspec.to_builtins(parameters, str_keys=True)
    faults = list(_validator(msgspec.json.encode(schema)).iter_errors(plain))
    if faults:
        named = [(_place(fault.instance_path), fault.message) for fault in faults[:_MOST_TOLD]]
        told = "; ".join(f"{place}: {message}" if place else message for place, message in named)
        more = f"; and {len(faults) - _MOST_TOLD} more" if len(faults) > _MOST_TOLD else ""
        raise InvalidRun(f"The parameters do not fit deployment '{deployment.full_name}': {told}{more}.", named)


def _check_names(deployment: Deployment, parameters: Mapping[str, Any]) -> None:
    """Refuse unknown names, with the one that may be meant, unless the flow takes any."""
    known: Mapping[str, Any] = deployment.parameter_schema.get("properties", {})
    unknown = [name for name in parameters if name not in known]
    if not unknown or deployment.parameter_schema.get("additionalProperties", False) is not False:
        return
    shown = ", ".join(f"'{name}'" for name in unknown)
    there = f"It has {', '.join(known)}." if known else "It has none."
    hint = did_you_mean(unknown[0], known)
    raise InvalidRun(f"Deployment '{deployment.full_name}' has no parameter {shown}.{hint} {there}")


def _place(path: Sequence[Any]) -> str:
    return ".".join(str(part) for part in path)


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> "Draft202012Validator":
    """Return what checks values; raises ValueError for what is no schema."""
    # Only where parameters are checked: it takes 10 ms to load.
    from jsonschema_rs import Draft202012Validator, RegexOptions  # noqa: PLC0415

    # No reference of a schema leads out of it, and no pattern takes more than linear time.
    return Draft202012Validator(msgspec.json.decode(schema), offline=True, pattern_options=RegexOptions())
