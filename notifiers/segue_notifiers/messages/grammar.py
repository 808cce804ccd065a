"""Grammar: reads the text of a template into its pieces.

    template    = { text | "{{" expression "}}" }
    expression  = (path | string) { "|" filter }
    path        = name { "." (name | number | string) }
    filter      = name [ ":" argument { "," argument } ]
    argument    = string | number

There is nothing else: no loops, no conditions, no calls, no attributes of objects.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

from segue_notifiers.errors import InvalidTemplate
from segue_notifiers.messages.filters import FILTERS, Argument, Filter

MAX_TEMPLATE = 64_000
MAX_EXPRESSIONS = 200
MAX_SEGMENTS = 20
MAX_FILTERS = 10

OPENING, CLOSING = "{{", "}}"
COMMAND = "{%"

_MARK = re.compile(r"\{[{%]")
_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<end>\}\})|(?P<name>[A-Za-z_][\w-]*)|(?P<number>-?\d{1,9}(?!\w))"
    r"|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<mark>[.|:,])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t"}


class Applied(NamedTuple):
    """A filter and what it is given besides the value."""

    filter: Filter
    arguments: tuple[Argument, ...]


class Expression(NamedTuple):
    """Where a value is found, or the value itself where `path` is None, and the filters it goes through."""

    path: tuple[str | int, ...] | None
    value: str
    filters: tuple[Applied, ...]
    place: str
    """How people find it: "flow_run.name at line 1, column 9"."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def read_template(text: str, roots: Iterable[str] = ()) -> tuple[str | Expression, ...]:
    """Return the template's pieces, texts and expressions.

    With `roots`, the first name of each path has to be one of them. Raises InvalidTemplate with line and column.
    """
    if len(text) > MAX_TEMPLATE:
        raise InvalidTemplate(f"The template has {len(text):,} characters; write one of at most {MAX_TEMPLATE:,}.")
    reader = _Reader(text, tuple(roots))
    pieces: list[str | Expression] = []
    at = 0
    while mark := _MARK.search(text, at):
        if mark[0] == COMMAND:
            why = "there are no loops and no conditions; write values only, as in {{ flow_run.name }}"
            raise reader.error(mark.start(), f"'{COMMAND}' is not known here: {why}")
        if len(pieces) >= 2 * MAX_EXPRESSIONS:
            raise reader.error(mark.start(), f"write at most {MAX_EXPRESSIONS} expressions")
        expression, end = reader.expression(mark.end())
        pieces += [text[at : mark.start()], expression]
        at = end
    pieces.append(text[at:])
    return tuple(piece for piece in pieces if piece)


class _Reader:
    """Reads the expressions of one template."""

    def __init__(self, text: str, roots: tuple[str, ...]) -> None:
        self._text = text
        self._roots = roots

    def error(self, at: int, why: str) -> InvalidTemplate:
        """What is wrong at the character `at`."""
        return InvalidTemplate(f"The template is wrong at {self._position(at)}: {why}.")

    def expression(self, at: int) -> tuple[Expression, int]:
        """Read what follows an opening mark; return it and where the text goes on."""
        first, after = self._token(at)
        path: tuple[str | int, ...] | None = None
        value = ""
        if first.kind == "name":
            path, after = self._path(first, after)
        elif first.kind == "string":
            value = _unquoted(first.text)
        else:
            raise self.error(first.at, f"write the name of a value, such as flow_run.name, not {_shown(first)}")
        filters, after = self._filters(after)
        shown = ".".join(map(str, path)) if path else first.text
        return Expression(path, value, filters, f"{shown[:80]} at {self._position(first.at)}"), after

    def _path(self, first: _Token, at: int) -> tuple[tuple[str | int, ...], int]:
        if self._roots and first.text not in self._roots:
            raise self.error(first.at, _unknown("value", first.text, self._roots))
        path: list[str | int] = [first.text]
        while True:
            dot, after = self._token(at)
            if dot.text != ".":
                return tuple(path), at
            segment, at = self._token(after)
            if segment.kind not in ("name", "number", "string") or segment.text.startswith("-"):
                raise self.error(segment.at, f"after a dot write a name or a number, not {_shown(segment)}")
            path.append(_segment(segment))
            if len(path) > MAX_SEGMENTS:
                raise self.error(segment.at, f"a path has at most {MAX_SEGMENTS} names")

    def _filters(self, at: int) -> tuple[tuple[Applied, ...], int]:
        filters: list[Applied] = []
        while True:
            mark, at = self._token(at)
            if mark.kind == "end":
                return tuple(filters), at
            if mark.text != "|":
                raise self.error(mark.at, f"write | and a filter, or {CLOSING}, not {_shown(mark)}")
            if filters and filters[-1].filter.last:
                raise self.error(mark.at, f"after '{filters[-1].filter.name}' no other filter can follow")
            if len(filters) == MAX_FILTERS:
                raise self.error(mark.at, f"a value goes through at most {MAX_FILTERS} filters")
            applied, at = self._filter(at)
            filters.append(applied)

    def _filter(self, at: int) -> tuple[Applied, int]:
        name, at = self._token(at)
        if name.kind != "name":
            raise self.error(name.at, f"after | write a filter, not {_shown(name)}")
        found = FILTERS.get(name.text)
        if found is None:
            raise self.error(name.at, _unknown("filter", name.text, FILTERS))
        arguments: list[Argument] = []
        colon, after = self._token(at)
        mark = "," if colon.text == ":" else ""
        while mark == ",":
            argument, at = self._token(after)
            if argument.kind not in ("string", "number"):
                raise self.error(argument.at, f'write a "text" or a number, not {_shown(argument)}')
            arguments.append(_argument(argument))
            following, after = self._token(at)
            mark = following.text
        if why := found.refusal(arguments):
            raise self.error(name.at, f"the filter '{name.text}' {why}")
        return Applied(found, tuple(arguments)), at

    def _token(self, at: int) -> tuple[_Token, int]:
        token = _TOKEN.match(self._text, at)
        if token is not None and token.lastgroup == "space":
            at = token.end()
            token = _TOKEN.match(self._text, at)
        if token is None:
            raise self.error(at, self._why_none(at))
        return _Token(str(token.lastgroup), token[0], at), token.end()

    def _why_none(self, at: int) -> str:
        if at >= len(self._text):
            return f"'{OPENING}' is not closed; write {CLOSING} after the expression"
        character = self._text[at]
        if character == "(":
            return (
                "nothing can be called; a filter is given its arguments after a colon, as in {{ name | truncate: 80 }}"
            )
        if character in "\"'":
            return "the text in quotes is not closed"
        return f"{character!a} cannot stand in an expression"

    def _position(self, at: int) -> str:
        before = self._text[:at]
        return f"line {before.count(chr(10)) + 1}, column {at - before.rfind(chr(10))}"


def _segment(token: _Token) -> str | int:
    return (
        _unquoted(token.text) if token.kind == "string" else int(token.text) if token.kind == "number" else token.text
    )


def _argument(token: _Token) -> Argument:
    return int(token.text) if token.kind == "number" else _unquoted(token.text)


def _unquoted(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text[1:-1])


def _shown(token: _Token) -> str:
    return ascii(token.text[:40])


def _unknown(noun: str, name: str, known: Iterable[Any]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    hint = f"did you mean '{near[0]}'? There are" if near else "there are"
    return f"there is no {noun} '{name[:40]}'; {hint} {', '.join(names)}"
