"""Marks around an argument: mapped or not, allowed to have failed, searched for futures or not."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Annotation(Generic[T]):
    """A value with a mark; `unwrap()` gives the value back."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def unwrap(self) -> T:
        """Return the marked value."""
        return self.value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.value == self.value  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"


class unmapped(Annotation[T]):
    """`task.map(items, unmapped(other))`: every call gets `other` whole."""

    def __getitem__(self, _: object) -> T:
        return self.value


class allow_failure(Annotation[T]):
    """`task(allow_failure(future))`: the task runs though the future failed, and is given its exception."""


class quote(Annotation[T]):
    """`task(quote(value))`: the value is not searched for futures, and not resolved."""

    def unquote(self) -> T:
        """Return the quoted value."""
        return self.value


class opaque(Annotation[T]):
    """`task(opaque(value))`: the value is handed on as it is, without looking inside it for futures."""


__all__ = ("Annotation", "allow_failure", "opaque", "quote", "unmapped")
