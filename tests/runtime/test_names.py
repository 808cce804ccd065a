"""Names: friendly slugs, flow names, and run names by template or function."""

from __future__ import annotations

import re
from functools import partial
from random import Random
from typing import Any

import pytest

from segue.exceptions import InvalidNameError
from segue.names import ADJECTIVES, ANIMALS, check_name, flow_name, run_name, slug


@pytest.mark.parametrize("words", [ADJECTIVES, ANIMALS])
def test_there_are_many_words_each_of_them_once(words: tuple[str, ...]) -> None:
    assert len(words) >= 150
    assert len(set(words)) == len(words)
    assert all(re.fullmatch("[a-z]+", word) for word in words)


def test_a_slug_is_an_adjective_and_an_animal_and_repeats_with_the_random() -> None:
    adjective, animal = slug(Random(7)).split("-")

    assert adjective in ADJECTIVES
    assert animal in ANIMALS
    assert slug(Random(7)) == f"{adjective}-{animal}"
    assert len({slug(Random(seed)) for seed in range(100)}) > 90


def load_all(day: str) -> None: ...


class Loader:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (load_all, "load-all"),
        (partial(partial(load_all), "x"), "load-all"),
        (lambda: None, "unknown-lambda"),
        (Loader(), "Loader"),
        (Loader, "Loader"),
    ],
)
def test_a_flow_is_named_after_its_function(fn: Any, name: str) -> None:
    assert flow_name(fn) == name


@pytest.mark.parametrize("character", "/%&<>")
def test_a_name_with_a_character_of_urls_and_markup_is_refused(character: str) -> None:
    with pytest.raises(InvalidNameError, match="contains an invalid character"):
        check_name(f"a{character}b")


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="empty"):
        check_name(name)


def test_a_name_is_a_string() -> None:
    assert check_name("my flow: übung ✓") == "my flow: übung ✓"
    with pytest.raises(TypeError, match="must be a string, not 3"):
        check_name(3)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("plain", "plain"),
        ("load-{day}-{size:03d}-{tags[0]}", "load-mon-007-a"),
        (lambda: "made", "made"),
        (lambda parameters: f"made-{parameters['day']}", "made-mon"),
        (lambda **known: f"made-{known['parameters']['day']}", "made-mon"),
    ],
)
def test_a_run_is_named_by_template_or_function(template: Any, name: str) -> None:
    assert run_name(template, {"day": "mon", "size": 7, "tags": ["a"]}, "flow_run_name") == name


@pytest.mark.parametrize("template", ["{night}", "{day", "{}", "{day.year}", "{day:d}", "{day[x]}"])
def test_a_template_that_does_not_fit_says_which_parameters_there_are(template: str) -> None:
    with pytest.raises(InvalidNameError, match=r"^task_run_name '.*' cannot be filled in .*The parameters are: day\."):
        run_name(template, {"day": "mon"}, "task_run_name")


@pytest.mark.parametrize("template", [lambda: 3, lambda: None, 7, None])
def test_a_run_name_is_a_string(template: Any) -> None:
    with pytest.raises(TypeError, match="task_run_name"):
        run_name(template, {}, "task_run_name")


def test_what_a_naming_function_raises_reaches_the_caller() -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_name(broken, {}, "flow_run_name")
