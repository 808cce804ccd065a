"""URLs of targets, taken apart without repeating them anywhere."""

import re
from typing import NamedTuple
from urllib.parse import unquote

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,19})://", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """The part of a URL that is never secret, "slack" of slack://…; empty if it has none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""


def inner_url(url: str) -> str:
    """The URL that another one names behind a plus: https://host of slack+https://host."""
    scheme, _, rest = url.partition("://")
    return f"{scheme.rpartition('+')[2].lower()}://{rest}"


class Entries(NamedTuple):
    """A URL as Apprise's services read theirs: names separated by slashes, and options that may follow."""

    names: tuple[str, ...]
    options: str

    @classmethod
    def of(cls, url: str) -> "Entries":
        """The names and options of a URL, in the case of letters that they have; tokens depend on it."""
        names, _, options = url.partition("://")[2].partition("?")
        return cls(tuple(unquote(name) for name in names.split("/") if name), options)
