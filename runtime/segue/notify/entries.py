"""Entries: a target or a rule, made of what is written for it under its name."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

from segue.document import place_of
from segue.exceptions import SettingsError
from segue.notify.forms import rule_form, target_form
from segue_notifiers.rules.rule import Rule
from segue_notifiers.target import Target

T = TypeVar("T", Target, Rule)

_NAME = re.compile(r"\w[\w. -]{0,99}")

# One step of a path as msgspec tells it: ".actions" or "[0]".
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")

# What stands for a value of the environment.
_SECRET = re.compile(r"\$\{(\w+)\}")


class Sort(NamedTuple, Generic[T]):
    """Targets or rules: what one is called, how its short form is made whole, and its type."""

    noun: str
    whole: Callable[[object], object]
    type: type[T]


TARGET = Sort("target", target_form, Target)
RULE = Sort("rule", rule_form, Rule)


def check_name(noun: str, name: str, place: str) -> None:
    """Raise SettingsError if this cannot be the name of a target or rule."""
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"'{name[:60]}' in {place} cannot be the name of a {noun}; use letters, digits, '-' and '_'."
        )


def read_entry(sort: Sort[T], name: str, value: object, place: str, text: str = "") -> T:
    """Make a target or a rule of what is written under its name in `place`.

    Raises SettingsError with the path of the mistake, and with its line and column if `text` is the document.
    """
    noun = sort.noun
    check_name(noun, name, place)
    path: list[str | int] = [f"{noun}s", name]
    try:
        whole = sort.whole(value)
        problem = "" if isinstance(whole, dict) else f"it is no mapping, as a {noun} has to be"
        if not problem:
            return msgspec.convert({**cast("dict[str, Any]", whole), "name": name}, sort.type)
    except SettingsError as error:
        problem = str(error).rstrip(".")
    except msgspec.ValidationError as error:
        problem, _, where = str(error).partition(" - at `$")
        path += [int(index) if index else key for key, index in _STEP.findall(where)]
    at = place_of(text, path) if text else None
    where = f"{place}, {at}" if at else place
    within = f" ({'.'.join(map(str, path[2:]))})" if path[2:] else ""
    raise SettingsError(f"{where}: the {noun} '{name}' cannot be read: {problem}{within}.")


def with_secrets(target: Target, environ: Mapping[str, str]) -> Target:
    """Return the target with what `${NAME}` in its URL and secret stands for in the environment.

    Raises SettingsError for a name that the environment does not have.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not environ.get(name):
            raise SettingsError(
                f"The target '{target.name}' takes a part of its URL or its secret from {name}, which the environment"
                " does not have; set it where the notifier starts."
            )
        return environ[name]

    url, secret = (_SECRET.sub(value, text) for text in (target.url, target.secret))
    return msgspec.structs.replace(target, url=url, secret=secret)
