"""Document: a YAML file that people write; the one file that imports ruamel.yaml.

YAML 1.2, so that "06:00" and "on" are text. Aliases are refused, since a few of them make a small file as large as
the memory. No error repeats what the file holds: it may be a secret.
"""

import re
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any, NamedTuple, cast

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, SequenceNode

from segue.exceptions import SettingsError

MAX_BYTES = 1_048_576

Table = dict[str, Any]

# A line that begins with a key, and what stands after it unless that opens a block.
_KEY = re.compile(r"\s*(?:- +)*(?P<key>[\w.-]+):(?: +(?P<value>[^\s#&|>{[].*))?")


class Place(NamedTuple):
    """A line and a column of a text, both from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


def read_yaml(text: str, name: str) -> Table:
    """Read a document whose top is a mapping; an empty one is an empty mapping.

    `name` is what errors call it. Raises SettingsError with the line and the column.
    """
    document = _guarded(text, name, lambda: _plain().load(text))
    return _table(document, name)


def edited_yaml(text: str, name: str, edit: Callable[[Table], None]) -> str:
    """Return the text after `edit` has changed the mapping it stands for; comments stay where they are.

    Raises SettingsError as `read_yaml` does, and what `edit` raises.
    """
    read_yaml(text, name)
    # What keeps comments also keeps tags that it does not know, so it comes second.
    yaml: Any = YAML(typ="rt", pure=True)
    yaml.width = 4096
    yaml.preserve_quotes = True
    document: Any = _guarded(text, name, lambda: yaml.load(text))
    if document is None:
        document = {}
    edit(document)
    out = StringIO()
    yaml.dump(document, out)
    written = out.getvalue()
    # A file of comments only holds no mapping that they could belong to.
    kept = text if text.strip() and not read_yaml(text, name) and "{" not in text else ""
    return f"{kept.rstrip()}\n{written}" if kept else written


def place_of(text: str, path: Sequence[str | int]) -> Place | None:
    """Return where in a document that can be read the value at this path stands, or what is nearest above it."""
    node: Any = _plain().compose(text)
    mark: Any = None
    for key in path:
        step = _step(node, key)
        if step is None:
            break
        mark, node = step
    return None if mark is None else Place(mark.line + 1, mark.column + 1)


def _plain() -> Any:
    return YAML(typ="safe", pure=True)


def _guarded(text: str, name: str, load: Callable[[], Any]) -> Any:
    if len(text) > MAX_BYTES:
        raise SettingsError(f"{name} is longer than {MAX_BYTES:,} characters; split it, or shorten it.")
    try:
        _refuse_aliases(text, name)
        return load()
    except MarkedYAMLError as error:
        raise _marked(name, error, text) from None
    except YAMLError:
        raise SettingsError(f"{name} holds a character that YAML does not allow; write it as an escape.") from None
    except RecursionError:
        raise SettingsError(f"{name} is nested too deeply to be read; flatten it.") from None
    except ValueError as error:
        # Such as a date with 40 days: a plain error of the function that reads it.
        raise SettingsError(f"{name} holds a value that cannot be read ({type(error).__name__}); quote it.") from None


def _refuse_aliases(text: str, name: str) -> None:
    event: Any
    for event in _plain().parse(text):
        if isinstance(event, AliasEvent):
            mark: Any = cast("Any", event).start_mark
            raise _mistake(name, mark, "aliases are not read; write out what they stand for")


def _marked(name: str, error: Any, text: str) -> SettingsError:
    mark = error.problem_mark or error.context_mark
    if isinstance(error, DuplicateKeyError):  # whose own words repeat both values
        return _mistake(name, mark, "a key stands there for the second time")
    return _mistake(name, mark, _explained(error, mark, text) or error.problem)


def _explained(error: Any, mark: Any, text: str) -> str | None:
    """What a common mistake is and how it is written right; None for one that is not common."""
    if mark is None:
        return None
    lines, row = text.splitlines(), int(mark.line)
    if "found character '\\t'" in str(error.problem):
        return "a tab stands where only blanks may; indent with blanks"
    if error.problem == "found unhashable key":
        return "what begins with a brace is read as a mapping; quote it: '{{ … }}'"
    inner = _KEY.match(lines[row]) if row < len(lines) else None
    above = _KEY.match(next((line for line in reversed(lines[:row]) if line.strip()), ""))
    if inner and above and above["value"] and above.start("key") < inner.start("key"):
        outer, name = above["key"], inner["key"]
        return (
            f"`{name}:` stands below `{outer}`, which has a value on its own line already; write either the one line"
            f" `{outer}: …`, or `{outer}:` with nothing after it and `{name}: …` below"
        )
    return None


def _mistake(name: str, mark: Any, problem: str | None) -> SettingsError:
    where = f", {Place(mark.line + 1, mark.column + 1)}" if mark is not None else ""
    return SettingsError(f"{name}{where}: {problem or 'this is not YAML'}.")


def _table(document: object, name: str) -> Table:
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise SettingsError(f"{name} holds no mapping; write names and values, as in `name: value`.")
    return cast("Table", document)


def _step(node: Any, key: str | int) -> tuple[Any, Any] | None:
    """The mark of one member of a node, and the member itself."""
    if isinstance(node, SequenceNode):
        values: Any = cast("Any", node).value
        return (values[key].start_mark, values[key]) if isinstance(key, int) and key < len(values) else None
    if isinstance(node, MappingNode):
        pairs: Any = cast("Any", node).value
        return next(((name.start_mark, value) for name, value in pairs if name.value == key), None)
    return None
