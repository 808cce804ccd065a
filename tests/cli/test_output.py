"""Lines, tables and JSON: coloured on terminals only."""

import io

import pytest

from segue.cli.output import Cell, fields, in_colour, say, say_json, say_table


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environ", "colour"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (io.StringIO(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_terminals_unless_the_environment_says_otherwise(
    stream: io.StringIO, environ: dict[str, str], colour: bool
) -> None:
    assert in_colour(stream, environ) is colour


def test_a_table_in_a_file_has_its_cells_in_full_and_below_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(["name", "state"], [["x" * 200, Cell("failed", "red")], ["a\nb", "ok"]])

    assert capsys.readouterr().out.splitlines() == [
        f"{'NAME':<200}  STATE",
        f"{'x' * 200}  failed",
        f"{'a␊b':<200}  ok",
    ]


def test_a_table_on_a_terminal_is_as_wide_as_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setenv("COLUMNS", "60")
    say_table(["name", "state"], [["x[red]" * 50, Cell("\x1bfailed", "red")]], shrink=["name"])

    lines = [line for line in terminal.getvalue().splitlines() if "x[red]" in line]
    assert len(lines) == 1
    assert "…" in lines[0]
    assert "␛failed" in lines[0]


def test_values_stand_below_one_another_and_empty_ones_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    fields([("Id", "1"), ("Nothing", ""), ("Message", "two\nlines")])

    assert capsys.readouterr().out == "Id       1\nMessage  two\n         lines\n"


def test_users_text_cannot_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    say("a\x1b[2J", Cell("\x9b1m", "red"))
    say_json({"a": "\x9b\x1b é"})

    assert capsys.readouterr().out == 'a␛[2J\\x9b1m\n{\n  "a": "\\u009b\\u001b é"\n}\n'
