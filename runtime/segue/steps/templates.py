"""Templates: what `{{ … }}` in a project's files stands for, filled in once it is known."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from segue.exceptions import InvalidProject
from segue.suggestions import did_you_mean

__all__ = ("Sources", "fill", "names_in")

_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_NAME = re.compile(r"\$\w+|[\w-]+(\.[\w-]+)*")

# What begins so is kept by the server, under names that people give.
_STORED = ("segue.variables.", "segue.blocks.")

_MISSING = object()


class Sources(NamedTuple):
    """Where values come from. A placeholder for what is None here stays as it is, to be filled later.

    `environ` has `{{ $NAME }}`, `outputs` what steps returned, as `{{ id.key }}`, and `stored` looks up
    `{{ segue.variables.name }}` and `{{ segue.blocks.type.name }}`. With `more_to_come`, outputs that are not there
    stay as they are, too.
    """

    environ: Mapping[str, str] | None = None
    outputs: Mapping[str, Any] | None = None
    stored: Callable[[str], Any] | None = None
    more_to_come: bool = False


def fill(value: Any, sources: Sources, place: str) -> Any:
    """Return the value with its placeholders filled, in texts however deep inside of it.

    A text that is one placeholder and nothing else becomes the value itself, of whatever type. `place` is what errors
    call the value. Raises InvalidProject for a placeholder that cannot be read, or has no value.
    """
    if isinstance(value, str):
        return _filled(value, sources, place)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return {key: fill(one, sources, f"{place}.{key}") for key, one in pairs}
    if isinstance(value, list | tuple):
        return [fill(one, sources, place) for one in cast("Sequence[Any]", value)]
    return value


def names_in(value: Any) -> set[str]:
    """Return the names of all placeholders of a value."""
    if isinstance(value, str):
        return set(_PLACEHOLDER.findall(value))
    if isinstance(value, Mapping):
        return names_in(list(cast("Mapping[str, Any]", value).values()))
    if isinstance(value, list | tuple):
        return {name for one in cast("Sequence[Any]", value) for name in names_in(one)}
    return set()


def _filled(text: str, sources: Sources, place: str) -> Any:
    whole = _PLACEHOLDER.fullmatch(text)
    if whole and "{{" not in whole[1]:
        found = _found(whole[1], sources, place)
        return text if found is _MISSING else found

    def one(match: re.Match[str]) -> str:
        found = _found(match[1], sources, place)
        return match[0] if found is _MISSING else str(found)

    return _PLACEHOLDER.sub(one, text)


def _found(name: str, sources: Sources, place: str) -> Any:
    """Return what a name stands for, or _MISSING for what is to be filled later."""
    if not _NAME.fullmatch(name):
        raise InvalidProject(
            f"{place}: '{{{{ {name[:60]} }}}}' is not a placeholder; write {{{{ $NAME }}}}, {{{{ step.output }}}}"
            " or {{ segue.variables.name }}."
        )
    if name.startswith("$"):
        return _MISSING if sources.environ is None else _environment(name[1:], sources.environ, place)
    if name.startswith(_STORED):
        return _MISSING if sources.stored is None else sources.stored(name)
    if sources.outputs is None or (sources.more_to_come and name.partition(".")[0] not in sources.outputs):
        return _MISSING
    return _output(name, sources.outputs, place)


def _environment(name: str, environ: Mapping[str, str], place: str) -> str:
    if name not in environ:
        raise InvalidProject(f"{place}: the environment has no {name}; set it where `{{{{ ${name} }}}}` is filled in.")
    return environ[name]


def _output(name: str, outputs: Mapping[str, Any], place: str) -> Any:
    found: Any = outputs
    for part in name.split("."):
        known: list[str] = list(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else []
        if part not in known:
            there = f" There is: {', '.join(known)}." if known else ""
            raise InvalidProject(
                f"{place}: nothing has put out `{{{{ {name} }}}}`; give the step before it this `id`."
                f"{did_you_mean(part, known)}{there}"
            )
        found = cast("Mapping[str, Any]", found)[part]
    return found
