"""The closest known name to one that was mistyped."""

from collections.abc import Iterable

__all__ = ("closest", "did_you_mean")


def closest(name: str, known: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Find the known name most like `name`; None when nothing resembles it.

    `likeness` is how much of the two must agree, from 0 to 1.
    """
    # difflib costs several milliseconds, and nobody needs it until a name is wrong.
    from difflib import get_close_matches  # noqa: PLC0415

    found = get_close_matches(name, list(known), n=1, cutoff=likeness)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Say " Did you mean 'x'?" when a known name is close, else nothing."""
    found = closest(name, known)
    return f" Did you mean '{found}'?" if found else ""
