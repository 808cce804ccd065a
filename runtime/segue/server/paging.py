"""Paging: from records to the wire, a page at a time."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

from segue.api import types
from segue.server.problems import wrong
from segue.store import Page
from segue.store.cursors import NotACursor

__all__ = ("cursors", "page_of")

R = TypeVar("R")
W = TypeVar("W")


@contextmanager
def cursors() -> Generator[None]:
    """Say of a cursor that is none which parameter it was."""
    try:
        yield
    except NotACursor as error:
        raise wrong("query.cursor", str(error)) from None


def page_of(page: Page[R], shown: Callable[[R], W]) -> types.Page[W]:
    """Return a page of the store as a page of the API, each item by `shown`."""
    return types.Page([shown(item) for item in page.items], page.next)
