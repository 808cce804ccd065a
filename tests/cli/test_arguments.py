"""Parameters of flows on the command line."""

import io

import pytest

from segue.cli.arguments import flow_parameters
from segue.cli.errors import Usage


def test_values_are_json_and_what_does_not_look_like_json_is_text() -> None:
    pairs = ["n=3", 'names=["a"]', "who=Ada", "day=2024-01-01", "empty=", "eq=a=b", "no=null", 'text="3"']

    assert flow_parameters(pairs, None) == {
        "n": 3,
        "names": ["a"],
        "who": "Ada",
        "day": "2024-01-01",
        "empty": "",
        "eq": "a=b",
        "no": None,
        "text": "3",
    }


def test_single_parameters_win_over_the_document() -> None:
    assert flow_parameters(["a=2"], '{"a": 1, "b": 1}') == {"a": 2, "b": 1}


def test_the_document_may_come_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"a": [1]}'))

    assert flow_parameters([], "-") == {"a": [1]}


@pytest.mark.parametrize(
    ("pairs", "document", "sentence"),
    [
        (["n"], None, "-p 'n' is not of the form key=value"),
        (["=3"], None, "is not of the form key=value"),
        (["n=[1,"], None, "-p n=[1, is not JSON: "),
        (['n={"a": }'], None, "is not JSON: Expecting value"),
        (["n=NaN"], None, "NaN is no JSON number"),
        (["n=" + "9" * 5000], None, "is not JSON: Exceeds the limit"),
        (["n=" + "[" * 100_000], None, "is not JSON"),
        (["n=[\x1b"], None, "-p n=[␛ is not JSON"),
        ([], "{", "--params is not JSON"),
        ([], "[1]", "--params must be a JSON object"),
    ],
)
def test_what_is_wrong_is_told_with_its_value(pairs: list[str], document: str | None, sentence: str) -> None:
    with pytest.raises(Usage) as caught:
        flow_parameters(pairs, document)

    assert sentence in str(caught.value)
    assert len(str(caught.value)) < 300
