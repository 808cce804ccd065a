"""What several commands take: the form of the output, parameters of a flow."""

import json
import sys
from typing import Annotated, Any, Literal, NoReturn, cast

from cyclopts import Parameter
from cyclopts.validators import Number

from segue.cli.errors import Usage
from segue.cli.text import clean_line

__all__ = ("Limit", "OutputForm", "PoolName", "RunName", "StateNames", "flow_parameters")

OutputForm = Annotated[Literal["text", "json"], Parameter(name=["--output", "-o"], help="What to print: text or json.")]
Limit = Annotated[int, Parameter(name=["--limit", "-l"], validator=Number(gte=1), help="How many to show at most.")]
RunName = Annotated[str, Parameter(help="The run: its id, the beginning of its id, or its name.")]
PoolName = Annotated[str, Parameter(help="The work pool.")]
StateNames = Annotated[
    list[str] | None,
    Parameter(name="--state", help="Only runs in this state: a type (failed) or a name (TimedOut).", negative=()),
]


def flow_parameters(pairs: list[str], document: str | None, option: str = "-p") -> dict[str, Any]:
    """Read a flow's parameters from `key=JSON` pairs over a JSON object, or over standard input for "-".

    A value that does not look like JSON is text: `-p name=Ada`. Raises Usage with the place and the reason; `option` is
    the one that the pairs were given by.
    """
    parameters = _document(sys.stdin.read() if document == "-" else document) if document else {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name.strip():
            raise Usage(f"{option} {clean_line(pair, 60)!r} is not of the form key=value; write {option} name=3.")
        parameters[name.strip()] = _value(name, text, option)
    return parameters


def _document(text: str) -> dict[str, Any]:
    try:
        value = _parsed(text)
    except (ValueError, RecursionError) as error:
        raise Usage(f"--params is not JSON: {error}; write --params '{{\"name\": 3}}'.") from error
    if not isinstance(value, dict):
        raise Usage("--params must be a JSON object of names and values; write --params '{\"name\": 3}'.")
    return cast("dict[str, Any]", value)


def _value(name: str, text: str, option: str) -> Any:
    try:
        return _parsed(text)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and text.lstrip()[:1] not in ("{", "[", '"'):
            return text
        raise Usage(
            f"{option} {name}={clean_line(text, 60)} is not JSON: {error}; quote it: {option} '{name}=[1, 2]'."
        ) from error


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
