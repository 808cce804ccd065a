"""URLs of targets, taken apart without repeating them anywhere."""

import re

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]{0,19})://", re.IGNORECASE)


def scheme_of(url: str) -> str:
    """The part of a URL that is never secret, "slack" of slack://…; empty if it has none."""
    match = _SCHEME.match(url)
    return match[1].lower() if match else ""
