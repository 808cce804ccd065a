"""Cursors of lists: the place of the last item, as a text that a reader hands back for the items after it."""

from segue_events.ids import id_at_rest

__all__ = ("NotACursor", "number_in", "place_in", "place_text")

_INT64 = 2**63


class NotACursor(ValueError):
    """A text that is no cursor of a list."""

    def __init__(self, text: str) -> None:
        super().__init__(f"'{text[:100]}' is not a cursor; give the `next` of the page before.")


def place_text(value: int, run_id: str) -> str:
    """Return the cursor after the item that has this value in a list's order, and this id."""
    return f"{value}:{run_id}"


def place_in(cursor: str) -> tuple[int, bytes | str]:
    """Return value and stored id of the item that a cursor stands for; raises NotACursor."""
    value, colon, run_id = cursor.partition(":")
    digits = value.removeprefix("-")
    if not colon or not _is_number(digits):
        raise NotACursor(cursor)
    return int(value), id_at_rest(run_id)


def number_in(cursor: str) -> int:
    """Return the number that a cursor is which stands for one; raises NotACursor."""
    if not _is_number(cursor):
        raise NotACursor(cursor)
    return int(cursor)


def _is_number(text: str) -> bool:
    # More digits, or a greater number, is nothing that SQLite could compare with.
    return text.isascii() and text.isdigit() and len(text) <= 19 and int(text) < _INT64
