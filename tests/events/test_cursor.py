"""Cursors as texts."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue_events import Cursor, CursorError

NUMBERS = st.integers(0, 2**62)


@given(st.uuids(), NUMBERS, NUMBERS)
def test_a_cursor_comes_back_from_its_text(journal: object, epoch: int, seq: int) -> None:
    cursor = Cursor(str(journal), epoch, seq)
    assert Cursor.parse(str(cursor)) == cursor


@given(st.text() | st.from_regex(r"\A[^:]*:[-+ 0-9]*:[-+ 0-9]*\Z"))
def test_any_other_text_is_refused(text: str) -> None:
    with suppress(CursorError):
        assert str(Cursor.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "a", "a:1", "a:1:", ":1:1", "a:1:-1", "a:1:01", "a:1:1:1", "a:1:٣", "a:1:" + "9" * 20]
)
def test_texts_that_look_like_one_are_refused(text: str) -> None:
    with pytest.raises(CursorError):
        Cursor.parse(text)
