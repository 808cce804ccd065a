"""The values of one of segue.runtime's modules: read from the context at the moment they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any


class Values:
    """Named values of a context, with an answer for when there is no context."""

    def __init__(
        self,
        noun: str,
        context: Callable[[], Any],
        readers: Mapping[str, Callable[[Any], Any]],
        outside: Mapping[str, Any],
    ) -> None:
        self._noun = noun
        self._context = context
        self._readers = readers
        self._outside = outside

    def get(self, name: str) -> Any:
        """Return the value of this name now; AttributeError for a name there is not."""
        reader = self._readers.get(name)
        if reader is None:
            raise AttributeError(
                f"segue.runtime.{self._noun.lower()} has no {name!r}; it has {', '.join(self.names())}."
            )
        mocked = os.environ.get(f"SEGUE__RUNTIME__{self._noun}__{name.upper()}")
        if mocked is not None:
            return mocked
        context = self._context()
        return self._outside.get(name) if context is None else reader(context)

    def names(self) -> list[str]:
        """Return the names of all values."""
        return sorted(self._readers)
