"""Queries: the parameters and bodies of requests, made into the structs that routes ask for, or into problems."""

import logging
import re
import types
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from segue.api.types import WrongField
from segue.server.problems import Problem
from segue.suggestions import did_you_mean

__all__ = (
    "END",
    "Kinds",
    "Level",
    "Limit",
    "ManyLimit",
    "Moment",
    "Place",
    "Seq",
    "Text",
    "Texts",
    "body_of",
    "decoded",
    "json_of",
    "level_in",
    "microseconds",
    "query_of",
)

S = TypeVar("S")

_MAX_BODY = 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r"(.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)

Limit = Annotated[int, msgspec.Meta(ge=1, le=200, description="How many at most.")]
ManyLimit = Annotated[int, msgspec.Meta(ge=1, le=1000, description="How many at most.")]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Text = Annotated[str, msgspec.Meta(max_length=500)]
Texts = Annotated[tuple[Text, ...], msgspec.Meta(max_length=50)]
# Behind the end of a pattern: Python's `$` alone also takes a text with a line break behind it.
END = r"$(?!\n)"
# A place in the journal, or in a list that is sorted by a number; as `next` of a page has them.
Seq = Annotated[str, msgspec.Meta(pattern=rf"^(0|[1-9][0-9]{{0,17}}){END}")]
Place = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,18}:", max_length=500)]
# Few stars: with many, a pattern takes as long to try as its author wishes.
Kinds = Annotated[
    tuple[Annotated[str, msgspec.Meta(max_length=100, pattern=r"^[^*]*(\*[^*]*){0,3}$")], ...],
    msgspec.Meta(max_length=50, description="Kinds of events; * is any text, ! before one leaves it out."),
]
Level = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(debug|info|warning|error|critical|[0-9]{{1,3}}){END}",
        description="The least level: a name, or a number as logging has it.",
    ),
]


def level_in(text: str) -> int:
    """Return a level as the logging module counts it."""
    return int(text) if text.isdigit() else logging.getLevelNamesMapping()[text.upper()]


def microseconds(moment: datetime | None) -> int | None:
    """Return the µs since the epoch of an instant with an offset."""
    return None if moment is None else (moment - _EPOCH) // timedelta(microseconds=1)


class _Parameter(NamedTuple):
    type: Any
    is_many: bool
    # A number is one although it is written as text; an instant is not a number of seconds.
    is_strict: bool


@cache
def _parameters(kind: type[msgspec.Struct]) -> dict[str, _Parameter]:
    return {field.encode_name: _parameter(_given(field.type)) for field in msgspec.structs.fields(kind)}


def _parameter(kind: Any) -> _Parameter:
    plain = _stripped(kind)
    return _Parameter(kind, is_many=get_origin(plain) is tuple, is_strict=plain is datetime)


def _stripped(kind: Any) -> Any:
    return kind.__origin__ if get_origin(kind) is Annotated else kind


def _given(kind: Any) -> Any:
    """Return the type of what is given, if it is: that it may be None too is for when it is not."""
    options = [option for option in get_args(kind) if option is not types.NoneType]
    is_optional = get_origin(kind) in (Union, types.UnionType) and len(options) == 1
    return options[0] if is_optional else kind


def query_of(given: QueryParams, kind: type[msgspec.Struct]) -> Any:
    """Return the query as a struct of this kind; the Problem names every parameter that does not fit."""
    parameters = _parameters(kind)
    values: dict[str, Any] = {}
    errors: list[WrongField] = []
    for name in given:
        parameter = parameters.get(name)
        if parameter is None:
            hint = did_you_mean(name, parameters)
            errors.append(WrongField(f"query.{name[:100]}", f"There is no such parameter.{hint}"))
            continue
        texts = given.getlist(name)
        if not parameter.is_many and len(texts) > 1:
            errors.append(WrongField(f"query.{name}", f"It is given {len(texts)} times; give it once."))
            continue
        try:
            value = texts if parameter.is_many else texts[0]
            values[name] = msgspec.convert(value, parameter.type, strict=parameter.is_strict)
        except msgspec.ValidationError as error:
            errors.append(_wrong_field(f"query.{name}", error))
    if errors:
        raise _problem(errors)
    return kind(**values)


async def body_of(request: Request, kind: Any) -> Any:
    """Return the request's JSON as this type; the Problem names the field that does not fit."""
    content = await json_of(request)
    if len(content) > _MAX_BODY:
        # To read more at once would keep all others waiting.
        raise Problem(413, f"The body has {len(content):,} bytes; {_MAX_BODY:,} are taken at this path.")
    return decoded(content, kind)


async def json_of(request: Request) -> bytes:
    """Return the request's body, which says it is JSON, or is not there."""
    content = await request.body()
    if content:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise Problem(415, f"The body is '{media_type[:100]}'; send application/json.")
    return content or b"{}"


def decoded(content: bytes | msgspec.Raw, kind: type[S], place: str = "body") -> S:
    """Return JSON as this type; `place` is where it is in the request, of which the Problem names the wrong field."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        raise _problem([_wrong_field(place, error)]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _problem([WrongField(place, f"It is no JSON: {error}.")]) from None


def _wrong_field(place: str, error: msgspec.ValidationError) -> WrongField:
    found = _PLACE.fullmatch(str(error))
    message, path = (str(error), "") if found is None else (found[1], found["path"] or "")
    return WrongField(f"{place}{path}", f"{message}.")


def _problem(errors: list[WrongField]) -> Problem:
    said = "; ".join(f"{error.path}: {error.message}" for error in errors[:5])
    return Problem(422, f"The request does not fit. {said}", errors=errors)
