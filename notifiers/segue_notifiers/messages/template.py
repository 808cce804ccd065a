"""Template: the words that people write for a message, with places for values."""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, cast

import msgspec

from segue_notifiers.messages.filters import MAX_TEXT, Unfit, text_of
from segue_notifiers.messages.grammar import Expression, read_template
from segue_notifiers.messages.markup import PLAIN, Form


class _Missing:
    """What a path leads to where there is nothing."""


_MISSING = _Missing()


class Template(msgspec.Struct, frozen=True):
    """A template that was read: its pieces, texts and expressions in turn."""

    pieces: tuple[str | Expression, ...]

    @classmethod
    def parse(cls, text: str, roots: Iterable[str] = ()) -> "Template":
        """Read a template; with `roots`, its values have to begin with one of these names.

        Raises InvalidTemplate with line and column.
        """
        return _parsed(text, tuple(roots))

    def render(self, values: Mapping[str, Any], form: Form = PLAIN) -> tuple[str, str]:
        """Return the text in this form, and the first thing that was wrong with it, "" if nothing was.

        Values are plain data. Where a value is not known, nothing is written. Never raises; what is above 64,000
        characters is left out, and said to be wrong.
        """
        written: list[str] = []
        flaw = ""
        room = MAX_TEXT
        for text, wrong in self._texts(values, form):
            flaw = flaw or wrong
            if len(text) > room:
                return "".join([*written, text[:room]]), flaw or f"It came out longer than {MAX_TEXT:,} characters."
            written.append(text)
            room -= len(text)
        return "".join(written), flaw

    def _texts(self, values: Mapping[str, Any], form: Form) -> Iterator[tuple[str, str]]:
        for piece in self.pieces:
            if isinstance(piece, str):
                yield form.literal(piece), ""
                continue
            try:
                value = _evaluated(piece, values)
            except Unfit as error:
                yield "", f"{piece.place} {error}."
                continue
            if value is _MISSING:
                yield "", f"{piece.place} is not known."
            elif piece.filters and piece.filters[-1].filter.name == "code":
                yield form.code(value), ""
            else:
                yield form.value(text_of(value)), ""


@lru_cache(maxsize=256)
def _parsed(text: str, roots: tuple[str, ...]) -> Template:
    return Template(read_template(text, roots))


def _evaluated(expression: Expression, values: Mapping[str, Any]) -> Any:
    value: Any = expression.value if expression.path is None else _found(expression.path, values)
    for applied in expression.filters:
        if value is _MISSING:
            if applied.filter.name != "default":
                continue
            value = None
        value = applied.filter.apply(value, *applied.arguments)
        if isinstance(value, str):
            value = value[:MAX_TEXT]
    return value


def _found(path: tuple[str | int, ...], values: Mapping[str, Any]) -> Any:
    value: Any = values
    for segment in path:
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(str(segment), _MISSING)
        elif isinstance(value, list | tuple) and isinstance(segment, int):
            items = cast("list[Any]", value)
            value = items[segment] if segment < len(items) else _MISSING
        else:
            return _MISSING
    return value
