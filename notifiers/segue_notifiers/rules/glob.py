"""Glob: texts with `*` for any text, some with a leading `!` for what must not be."""

import re
from collections.abc import Iterable


class Globs:
    """Values of which one has to fit, and those with a leading `!`, of which none may."""

    def __init__(self, values: Iterable[str]) -> None:
        values = tuple(values)
        wanted = [value for value in values if not value.startswith("!")]
        unwanted = [value[1:] for value in values if value.startswith("!")]
        self._exact = frozenset(wanted) if not any("*" in value for value in wanted) else None
        self._wanted = _pattern(wanted)
        self._unwanted = _pattern(unwanted) if unwanted else None
        self._open = not wanted

    @property
    def exact(self) -> frozenset[str] | None:
        """The only texts that can fit; None where globs leave more of them open."""
        return None if self._open else self._exact

    def fit(self, text: str) -> bool:
        """Whether the text fits."""
        if not self._open and not self._is_wanted(text):
            return False
        return self._unwanted is None or not self._unwanted.fullmatch(text)

    def fit_any(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts is wanted, and none is unwanted."""
        if self._unwanted is not None and any(map(self._unwanted.fullmatch, texts)):
            return False
        return self._open or any(map(self._is_wanted, texts))

    def _is_wanted(self, text: str) -> bool:
        return text in self._exact if self._exact is not None else bool(self._wanted.fullmatch(text))


def _pattern(globs: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(".*".join(map(re.escape, glob.split("*"))) for glob in globs), re.DOTALL)
