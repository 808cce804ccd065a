"""Instants on the wire: texts that say a microsecond, and come back as it."""

import pytest

from segue.api.types import instant_text, microseconds_in

TEXTS = {
    0: "1970-01-01T00:00:00.000000Z",
    -1: "1969-12-31T23:59:59.999999Z",
    1_795_525_200_123_456: "2026-11-24T13:00:00.123456Z",
    -62_135_596_800_000_000: "0001-01-01T00:00:00.000000Z",
}


@pytest.mark.parametrize(("microseconds", "text"), TEXTS.items())
def test_an_instant_is_a_text_and_comes_back(microseconds: int, text: str) -> None:
    assert instant_text(microseconds) == text
    assert microseconds_in(text) == microseconds


@pytest.mark.parametrize(("microseconds", "year"), [(2**63 - 1, "9999-12-31"), (-(2**63), "0001-01-01")])
def test_what_no_calendar_has_is_the_nearest_that_it_has(microseconds: int, year: str) -> None:
    assert instant_text(microseconds).startswith(year)


def test_any_offset_is_understood() -> None:
    assert microseconds_in("1970-01-01T02:00:00+02:00") == 0


@pytest.mark.parametrize("text", ["1970-01-01T00:00:00", "1970-01-01", "now", ""])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        microseconds_in(text)
