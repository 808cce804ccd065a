"""What the command prints: lines, tables, JSON; in colour on terminals only, without users' control characters."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from segue.cli.text import clean, clean_json, clean_line

__all__ = ("Cell", "complain", "fields", "in_colour", "paint", "say", "say_json", "say_table", "warn")

_CODES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
    "magenta": "35",
    "cyan": "36",
}


class Cell(NamedTuple):
    """A piece of text and how it looks: "bold red", or nothing."""

    text: str
    style: str = ""


def in_colour(stream: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether to colour what goes to the stream: a terminal's does, NO_COLOR forbids, FORCE_COLOR demands it."""
    if environ.get("NO_COLOR"):
        return False
    return bool(environ.get("FORCE_COLOR")) or (stream.isatty() and environ.get("TERM") != "dumb")


def paint(cell: Cell) -> str:
    """Write a cell with the terminal's codes for its style."""
    codes = ";".join(_CODES[word] for word in cell.style.split())
    return f"\x1b[{codes}m{cell.text}\x1b[0m" if codes and cell.text else cell.text


def say(*cells: Cell | str, file: TextIO | None = None) -> None:
    """Print a line of pieces of text, on standard output unless told; a piece may have several lines."""
    _write(file or sys.stdout, cells)


def complain(sentence: str) -> None:
    """Print what went wrong, on standard error."""
    _write(sys.stderr, [Cell("Error: ", "bold red"), sentence])


def warn(sentence: str) -> None:
    """Print what is odd, on standard error."""
    _write(sys.stderr, [Cell("Warning: ", "bold yellow"), sentence])


def say_json(value: Any, *, indent: int | None = 2) -> None:
    """Print a value as JSON."""
    sys.stdout.write(clean_json(json.dumps(value, indent=indent, ensure_ascii=False)) + "\n")


def fields(pairs: Sequence[tuple[str, Cell | str]]) -> None:
    """Print names and values, the values below one another; those without text are left out."""
    shown = [(name, _cell(value)) for name, value in pairs]
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        if value.text:
            indented = value.text.replace("\n", "\n" + " " * (width + 2))
            say(Cell(f"{name:<{width}}  ", "dim"), Cell(indented, value.style))


def say_table(columns: Sequence[str], rows: Sequence[Sequence[Cell | str]], *, shrink: Sequence[str] = ()) -> None:
    """Print rows in columns: each cell in full, but on a terminal the columns of `shrink` give way to fit into it."""
    cells = [[Cell(clean_line(text), style) for text, style in map(_cell, row)] for row in rows]
    if sys.stdout.isatty():
        _draw_table(columns, cells, shrink)
        return
    titles = [Cell(column.upper()) for column in columns]
    lengths = [max(len(cell.text) for cell in column) for column in zip(titles, *cells, strict=True)]
    for row in [titles, *cells]:
        say(*(Cell(f"{cell.text:<{length}}  ", cell.style) for cell, length in zip(row, lengths, strict=True)))


def _draw_table(columns: Sequence[str], rows: Sequence[Sequence[Cell]], shrink: Sequence[str]) -> None:
    # rich costs 60 ms, and only a terminal needs it.
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column not in shrink, overflow="ellipsis")
    for row in rows:
        table.add_row(*(Text(cell.text, style=cell.style, no_wrap=True, overflow="ellipsis") for cell in row))
    Console(no_color=not in_colour(sys.stdout), highlight=False).print(table)


def _write(stream: TextIO, cells: Sequence[Cell | str]) -> None:
    colour = in_colour(stream)
    pieces = [Cell(clean(text), style) for text, style in map(_cell, cells)]
    stream.write("".join(paint(piece) if colour else piece.text for piece in pieces).rstrip(" ") + "\n")


def _cell(value: Cell | str) -> Cell:
    return Cell(value) if isinstance(value, str) else value
