"""Paging: from records to the wire, a page at a time."""

from collections.abc import Callable
from typing import TypeVar

from segue.api import types
from segue.store import Page

__all__ = ("page_of",)

R = TypeVar("R")
W = TypeVar("W")


def page_of(page: Page[R], shown: Callable[[R], W]) -> types.Page[W]:
    """Return a page of the store as a page of the API, each item by `shown`."""
    return types.Page([shown(item) for item in page.items], page.next)
