"""Templates: placeholders become values, now or later, or a sentence."""

import pytest

from segue.exceptions import InvalidProject
from segue.steps.templates import Sources, fill, names_in

SOURCES = Sources(environ={"HOME_OF": "here"}, outputs={"build": {"image": {"name": "x", "size": 3}}, "flat": 1})


@pytest.mark.parametrize(
    ("value", "filled"),
    [
        ("{{ $HOME_OF }}", "here"),
        ("a-{{$HOME_OF}}-{{ build.image.size }}", "a-here-3"),
        ("{{ build.image }}", {"name": "x", "size": 3}),
        ("{{ flat }}", 1),
        ({"a": ["{{ build.image.size }}", 2]}, {"a": [3, 2]}),
        ("{{ segue.variables.x }}", "{{ segue.variables.x }}"),
        ("{ not } {one}", "{ not } {one}"),
        ("{{ $HOME_OF }}{{ flat }}", "here1"),
    ],
)
def test_a_placeholder_becomes_its_value(value: object, filled: object) -> None:
    assert fill(value, SOURCES, "f") == filled


def test_what_is_not_known_yet_stays_as_it_is() -> None:
    value = {"a": "{{ $X }} {{ build.image }} {{ segue.blocks.secret.x }}"}

    assert fill(value, Sources(), "f") == value
    assert names_in(value) == {"$X", "build.image", "segue.blocks.secret.x"}


def test_what_is_stored_is_looked_up() -> None:
    assert fill("{{ segue.variables.x }}", Sources(stored=lambda name: [name]), "f") == ["segue.variables.x"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"a": "{{ $NO }}"}, r"f\.a: the environment has no NO; set it where"),
        ("{{ buidl.image }}", r"f: nothing has put out `{{ buidl\.image }}`; .* Did you mean 'build'\?"),
        ("{{ build.imag }}", r"Did you mean 'image'\? There is: image\."),
        ("{{ flat.x }}", r"f: nothing has put out `{{ flat\.x }}`"),
        ("{{ a + b }}", r"f: '{{ a \+ b }}' is not a placeholder; write"),
        ("{{ ''.__class__ }}", r"is not a placeholder"),
        ("{{ }}", r"is not a placeholder"),
    ],
)
def test_what_has_no_value_is_told_with_its_place(value: object, sentence: str) -> None:
    with pytest.raises(InvalidProject, match=sentence):
        fill(value, SOURCES, "f")
