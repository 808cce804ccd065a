"""Words for people."""

import pytest

from segue.cli.text import ago, clean, clean_json, clean_line, duration, iso

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 雪", "plain é 雪"),
        ("\x1b[31mred\x07", "␛[31mred␇"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("\x7f\x9b\x00", "␡\\x9b␀"),
        ("abc\u202etxt", "abc\\u202etxt"),
        ("half \ud83d", "half \\ud83d"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_line_has_no_ends_of_lines_and_no_more_than_its_width() -> None:
    assert clean_line("a\nb\tc") == "a␊b␉c"
    assert clean_line("abcdef", 4) == "abc…"
    assert clean_line("abcd", 4) == "abcd"


def test_json_stays_json_when_its_control_characters_are_escaped() -> None:
    assert clean_json('{"a": "\x9b\u202e é"}\n') == '{"a": "\\u009b\\u202e é"}\n'


@pytest.mark.parametrize(
    ("microseconds", "words"),
    [
        (-5, "0 ms"),
        (12_345, "12 ms"),
        (999_499, "999 ms"),
        (999_700, "1.0 s"),
        (3_440_000, "3.4 s"),
        (59_990_000, "1 min"),
        (125 * SECOND, "2 min 5 s"),
        (3 * HOUR, "3 h"),
        (3 * HOUR + 2 * MINUTE + 59 * SECOND, "3 h 2 min"),
        (4 * DAY + HOUR, "4 d 1 h"),
        (400 * DAY, "400 d"),
    ],
)
def test_durations(microseconds: int, words: str) -> None:
    assert duration(microseconds) == words


def test_how_long_ago() -> None:
    now = 1_700_000_000 * SECOND

    assert ago(now + 5, now) == "just now"
    assert ago(now - 7 * SECOND, now) == "7 s ago"
    assert ago(now - 125 * SECOND, now) == "2 min ago"
    assert ago(now - 47 * HOUR, now) == "1 d ago"


def test_an_instant_for_programs_is_utc_to_the_microsecond() -> None:
    assert iso(1_700_000_000_123_456) == "2023-11-14T22:13:20.123456+00:00"
