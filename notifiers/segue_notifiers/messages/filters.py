"""Filters: what a template can do with a value. Pure, of bounded size, and without a way to anything else."""

import re
import string
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Any, NamedTuple, cast
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

Argument = str | int

MAX_TEXT = 64_000
MAX_INDENT = 40
DATE_FORMAT = "%Y-%m-%d %H:%M:%S %Z"

# No widths: "%999999999d" would fill the memory.
_DATE_FORMAT = re.compile(r"(?:[^%]|%[aAbBdfHIjmMpSUwWyYzZ%])*")


class Unfit(Exception):
    """A value that a filter can do nothing with; the text says why."""


class Filter(NamedTuple):
    """A function of the value and the arguments; `types` are those of the arguments, of which `needed` must be given.

    `check` finds out what is wrong with arguments of the right types, "" if nothing is. After a `last` one no other
    filter can follow.
    """

    name: str
    apply: Callable[..., Any]
    types: tuple[Any, ...] = ()
    needed: int = 0
    check: Callable[..., str] = lambda *_: ""
    last: bool = False

    def refusal(self, arguments: Sequence[Argument]) -> str:
        """Why the filter cannot be given these arguments; empty if it can."""
        if len(arguments) > len(self.types):
            return f"takes at most {len(self.types)} arguments" if self.types else "takes no arguments"
        if len(arguments) < self.needed:
            return f"needs {_noun(self.types[len(arguments)])}"
        for argument, kind in zip(arguments, self.types, strict=False):
            if not isinstance(argument, kind):
                return f"needs {_noun(kind)}, not {argument!r:.40}"
        return self.check(*arguments)


def text_of(value: Any) -> str:
    """A value as a template writes it: texts as they are, nothing for null, lists and mappings as JSON."""
    if isinstance(value, str):
        return value[:MAX_TEXT]
    if value is None:
        return ""
    return _json(value)


def _noun(kind: Any) -> str:
    return "a number" if kind is int else 'a "text"'


def _on_text(change: Callable[[str], str]) -> Callable[[Any], str]:
    return lambda value: change(text_of(value))


def _capitalized(text: str) -> str:
    return string.capwords(text, " ")


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _json(value: Any, indent: int = 0) -> str:
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return f"<{type(value).__name__}>"
    text = (msgspec.json.format(encoded, indent=indent) if indent else encoded).decode("utf-8", "replace")
    return text[:MAX_TEXT]


def _truncate(value: Any, length: int) -> str:
    text = text_of(value)
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _check_length(length: int) -> str:
    return "" if length > 0 else "needs a number above 0"


def _join(value: Any, separator: str = ", ") -> str:
    if not isinstance(value, list | tuple):
        raise Unfit("is not a list, so it cannot be joined")
    return separator.join(text_of(item) for item in cast("Sequence[Any]", value))


def _length(value: Any) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise Unfit("has no length")
    return len(cast("Sequence[Any]", value))


def _indent(value: Any, spaces: int = 4) -> str:
    return "\n".join(f"{' ' * spaces}{line}" for line in text_of(value).splitlines())


def _check_indent(spaces: int = 0) -> str:
    return "" if 0 <= spaces <= MAX_INDENT else f"needs a number from 0 to {MAX_INDENT}"


def _default(value: Any, instead: Argument) -> Any:
    return instead if value is None or value == "" else value


def _date(value: Any, form: str = DATE_FORMAT, zone: str = "UTC") -> str:
    try:
        return _moment(value, _zone(zone)).strftime(form)
    except (ValueError, OverflowError, OSError):
        raise Unfit("is not an instant, so it has no date") from None


def _moment(value: Any, zone: tzinfo) -> datetime:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1_000_000, zone)
    moment = datetime.fromisoformat(text_of(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(zone)


def _check_date(form: str = DATE_FORMAT, zone: str = "UTC") -> str:
    if len(form) > 100 or not _DATE_FORMAT.fullmatch(form):
        return f'needs a format such as "{DATE_FORMAT}", not {form!r:.40}'
    try:
        _zone(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f'needs a time zone such as "Europe/Berlin", not {zone!r:.40}'
    return ""


@lru_cache(maxsize=32)
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


FILTERS: Mapping[str, Filter] = {
    one.name: one
    for one in (
        Filter("upper", _on_text(str.upper)),
        Filter("lower", _on_text(str.lower)),
        Filter("title", _on_text(_capitalized)),
        Filter("trim", _on_text(str.strip)),
        Filter("truncate", _truncate, (int,), 1, _check_length),
        Filter("default", _default, (Argument,), 1),
        Filter("json", _json, (int,), 0, _check_indent),
        Filter("date", _date, (str, str), 0, _check_date),
        Filter("url", _on_text(_quoted)),
        Filter("join", _join, (str,)),
        Filter("length", _length),
        Filter("indent", _indent, (int,), 0, _check_indent),
        # What code looks like is for the form to say; see Form in markup.py.
        Filter("code", text_of, last=True),
    )
}
