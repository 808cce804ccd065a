"""Spans of time as people write them in options: 90s, 15m, 2h, 1d, 1h30m."""

import re

from segue.cli.errors import Usage
from segue.cli.text import clean_line

__all__ = ("span",)

_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = r"([0-9]{1,6}(?:\.[0-9]{1,6})?) *(s|min|m|h|d)"
_SPAN = re.compile(rf"(?:{_PART} *)+")


def span(text: str, option: str) -> float:
    """Return the seconds that a text stands for; raises Usage, which names the option."""
    if not _SPAN.fullmatch(text.strip()):
        raise Usage(f"{option} {clean_line(text, 60)!r} is no span of time; write {option} 90s, 15m, 2h or 1d.")
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
