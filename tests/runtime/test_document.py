"""YAML that people write: read strictly, and written with what they wrote around it."""

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segue.document import MAX_BYTES, Place, edited_yaml, place_of, read_yaml
from segue.exceptions import SettingsError

TEXT = """# Whom to tell.
targets:
  ops: log://   # the team
  # Asleep at night.
  two:
    url: 'log://'
    tags: [a, b]
# The end.
"""

BELOW_A_VALUE = """deployments:
-   name: c4n4ry
    pool: c4n4ry
        name: c4n4ry
"""
EXPLAINED = (
    "`name:` stands below `pool`, which has a value on its own line already; write either the one line `pool: …`,"
    r" or `pool:` with nothing after it and `name: …` below\."
)


def test_texts_stay_texts() -> None:
    assert read_yaml('at: 06:00\non: off\nnumber: 3\nlist: [a, "b"]', "f") == {
        "at": "06:00",
        "on": "off",
        "number": 3,
        "list": ["a", "b"],
    }


def test_an_empty_document_is_an_empty_mapping() -> None:
    assert read_yaml("# nothing yet\n", "f") == {}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1,", r"f, line 1, column 7: .*"),
        ("a: &x 1\nb: *x", r"f, line 2, column 4: aliases are not read; write out what they stand for\."),
        ("a: c4n4ry\na: c4n4ry", r"f, line 2, column 1: a key stands there for the second time\."),
        ("a: !!python/object:os.system 1", r"f, line 1, column 4: could not determine a constructor.*"),
        ("- " * 30_000, r"f is nested too deeply to be read; flatten it\."),
        ("a: \x00", r"f holds a character that YAML does not allow; write it as an escape\."),
        ("a: 2026-01-40", r"f holds a value that cannot be read \(ValueError\); quote it\."),
        ("a: 1\n---\nb: 2", r"f, line 2, column 1: .*"),
        ("[c4n4ry]", r"f holds no mapping; write names and values, as in `name: value`\."),
        ("a:\n\tb: 1", r"f, line 2, column 1: a tab stands where only blanks may; indent with blanks\."),
        ("a: {{ $X }}", r"f, line 1, column 5: what begins with a brace is read as a mapping; quote it: '{{ … }}'\."),
        (BELOW_A_VALUE, rf"f, line 4, column 13: {EXPLAINED}"),
        (BELOW_A_VALUE.replace("c4n4ry", "'c4n4ry'"), rf"f, line 4, column 9: {EXPLAINED}"),
        ("a" * (MAX_BYTES + 1), r"f is longer than 1,048,576 characters; split it, or shorten it\."),
    ],
)
def test_a_mistake_is_told_with_its_place_and_not_with_its_words(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_yaml(text, "f")

    assert raised.match(f"^{sentence}$")
    assert "c4n4ry" not in str(raised.value)


@given(st.text(st.sampled_from("ab:-[]{}&*!|>'\"#\n ,?%@\t"), max_size=60))
@example("a: |\n  b\n c")
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(read_yaml(text, "f"), dict)


def test_what_is_changed_leaves_the_rest_as_it_was() -> None:
    def edit(document: dict[str, object]) -> None:
        targets = document["targets"]
        assert isinstance(targets, dict)
        targets["three"] = {"url": "log://", "tags": ["c"]}

    edited = edited_yaml(TEXT, "f", edit)

    assert edited.startswith(TEXT.removesuffix("# The end.\n"))
    assert read_yaml(edited, "f")["targets"]["three"] == {"url": "log://", "tags": ["c"]}
    for comment in ("# Whom to tell.", "# the team", "# Asleep at night.", "# The end."):
        assert comment in edited


def test_a_file_of_comments_keeps_them() -> None:
    assert edited_yaml("# Ours.\n", "f", lambda document: document.update(a=1)) == "# Ours.\na: 1\n"


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (("targets", "ops"), Place(3, 3)),
        (("targets", "two", "tags", 1), Place(7, 15)),
        (("targets", "two", "nothing", "there"), Place(5, 3)),
        (("targets", "two", "tags", 7), Place(7, 5)),
        (("nothing",), None),
    ],
)
def test_a_value_has_a_place(path: tuple[str | int, ...], place: Place | None) -> None:
    assert place_of(TEXT, path) == place
