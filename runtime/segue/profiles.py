"""The profiles file: named sets of settings in SEGUE_HOME/profiles.toml."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

from segue.exceptions import SettingsError
from segue.suggestions import did_you_mean

__all__ = ("DEFAULT_PROFILE", "ProfilesFile", "read_profiles")

DEFAULT_PROFILE = "default"

Document = dict[str, Any]
Lines = list[str]

# As text: `re` keeps what it has compiled, and most processes look for no line in the file.
_HEADER = r"""^\s*\[\s*(?:profiles\s*\.\s*(?:"([^"]*)"|'([^']*)'|([\w-]+)))?"""
_KEY = r"""^\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*="""
_PROFILE_NAME = "[A-Za-z0-9_-]{1,100}"


class ProfilesFile(NamedTuple):
    """What a profiles file holds; each change makes a new one, which `write` puts on disk."""

    path: Path
    text: str
    active: str
    profiles: dict[str, Document]

    def line_of(self, profile: str, key: str) -> int | None:
        """The line, from 1, on which the profile sets the key; None where it cannot be told."""
        lines = self.text.splitlines()
        found = _line_of_key(lines, _span(lines, profile), key)
        return None if found is None else found + 1

    def profile(self, name: str) -> Document:
        """The settings of one profile; raises SettingsError, naming the closest, if there is none."""
        if name not in self.profiles:
            there = ", ".join(self.profiles)
            raise SettingsError(
                f"There is no profile '{name}' in {self.path}.{did_you_mean(name, self.profiles)}"
                f" There are: {there}. `segue profile create {name}` makes it."
            )
        return self.profiles[name]

    def use(self, name: str) -> "ProfilesFile":
        """Make another profile the active one."""
        self.profile(name)
        return self._changed(name, self.profiles, lambda lines: _with_active_line(lines, name))

    def create(self, name: str, settings: Document) -> "ProfilesFile":
        """Add a profile with these settings."""
        self._check_new(name)
        added = ["", f"[profiles.{name}]", *_assignments(settings)]
        return self._changed(self.active, {**self.profiles, name: settings}, lambda lines: [*lines, *added])

    def delete(self, name: str) -> "ProfilesFile":
        """Remove a profile; the active one must stay."""
        self.profile(name)
        if name == self.active:
            raise SettingsError(f"Profile '{name}' is the active one; `segue profile use` another before deleting it.")
        kept = {key: value for key, value in self.profiles.items() if key != name}

        def edit(lines: Lines) -> Lines:
            span = _span(lines, name)
            return [line for number, line in enumerate(lines) if number not in span]

        return self._changed(self.active, kept, edit)

    def rename(self, name: str, new_name: str) -> "ProfilesFile":
        """Give a profile another name; it stays active if it was."""
        self.profile(name)
        self._check_new(new_name)
        profiles = {new_name if key == name else key: value for key, value in self.profiles.items()}

        def edit(lines: Lines) -> Lines:
            at = _span(lines, name).start
            renamed = [*lines[: at - 1], f"[profiles.{new_name}]", *lines[at:]] if at else lines
            return _with_active_line(renamed, new_name) if name == self.active else renamed

        return self._changed(new_name if name == self.active else self.active, profiles, edit)

    def set(self, profile: str, changes: Document) -> "ProfilesFile":
        """Set keys of a profile, adding those it does not have."""
        changed = {**self.profile(profile), **changes}

        def edit(lines: Lines) -> Lines:
            for key, value in changes.items():
                lines = _with_assignment(lines, profile, key, value)
            return lines

        return self._changed(self.active, {**self.profiles, profile: changed}, edit)

    def unset(self, profile: str, keys: Iterable[str]) -> "ProfilesFile":
        """Remove keys from a profile; a key it does not have is no error."""
        gone = set(keys)
        kept = {key: value for key, value in self.profile(profile).items() if key not in gone}

        def edit(lines: Lines) -> Lines:
            at = {_line_of_key(lines, _span(lines, profile), key) for key in gone}
            return [line for number, line in enumerate(lines) if number not in at]

        return self._changed(self.active, {**self.profiles, profile: kept}, edit)

    def write(self) -> None:
        """Replace the file on disk, whole or not at all, readable by its owner only: it may hold secrets."""
        temporary = self.path.with_name(f".profiles-{os.getpid()}.toml")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(self.text)
            temporary.replace(self.path)
        except (OSError, UnicodeError) as error:
            raise SettingsError(
                f"{self.path} cannot be written: {_reason(error)}. Is SEGUE_HOME a folder you may write to?"
            ) from error

    def _check_new(self, name: str) -> None:
        if not re.fullmatch(_PROFILE_NAME, name):
            raise SettingsError(f"'{name}' cannot be the name of a profile; use letters, digits, '-' and '_'.")
        if name in self.profiles:
            raise SettingsError(f"There is already a profile '{name}' in {self.path}; choose another name.")

    def _changed(self, active: str, profiles: dict[str, Document], edit: Callable[[Lines], Lines]) -> "ProfilesFile":
        """The file after a change: edited by line, so that comments stay, if that says what is meant."""
        text = "\n".join(edit(self.text.splitlines())).strip("\n") + "\n"
        changed = ProfilesFile(self.path, text, active, profiles)
        try:
            if _parsed(self.path, text) == changed:
                return changed
        except SettingsError:
            pass
        # The file has a form that cannot be edited by line (a value over several lines, an inline table).
        return changed._replace(text=_written_anew(active, profiles))


def read_profiles(path: Path) -> ProfilesFile:
    """Read a profiles file; one that does not exist holds an empty default profile.

    Raises SettingsError with the file, the line and the reason.
    """
    try:
        return _parsed(path, path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        text = f'active = "{DEFAULT_PROFILE}"\n\n[profiles.{DEFAULT_PROFILE}]\n'
        return ProfilesFile(path, text, DEFAULT_PROFILE, {DEFAULT_PROFILE: {}})
    except (OSError, UnicodeError) as error:
        raise SettingsError(f"The profiles file {path} cannot be read: {_reason(error)}.") from error


def _parsed(path: Path, text: str) -> ProfilesFile:
    # tomllib costs milliseconds, and most people have no profiles file.
    import tomllib  # noqa: PLC0415

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}. Mend or delete the file.") from error
    unknown = [key for key in document if key not in ("active", "profiles")]
    active, profiles = document.get("active", DEFAULT_PROFILE), document.get("profiles", {})
    if unknown or not isinstance(active, str) or not _is_table_of_tables(profiles):
        what = f"'{unknown[0]}' is not known there; " if unknown else ""
        raise SettingsError(
            f'{path} is not a profiles file: {what}it holds `active = "default"` and '
            "tables `[profiles.default]` with one `SEGUE_NAME = value` a line."
        )
    tables = cast("dict[str, Document]", profiles)
    return ProfilesFile(path, text, active, tables if active in tables else _with_active(path, active, tables))


def _with_active(path: Path, active: str, profiles: dict[str, Document]) -> dict[str, Document]:
    if active != DEFAULT_PROFILE:
        raise SettingsError(
            f"{path} makes '{active}' the active profile, which it does not hold."
            f"{did_you_mean(active, profiles)} There are: {', '.join(profiles) or 'none'}."
        )
    return {DEFAULT_PROFILE: {}, **profiles}


def _is_table_of_tables(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(table, dict) for table in cast("Document", value).values())


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "it holds text that is not UTF-8"
    return error.strerror or str(error)


def _span(lines: Lines, profile: str) -> range:
    """The lines of a profile's table, below its header; empty, at 0, when there is no header."""
    start = 0
    for number, line in enumerate(lines):
        header = re.match(_HEADER, line)
        if header and start:
            return range(start, number)
        if header and _captured(header) == profile:
            start = number + 1
    return range(start, len(lines)) if start else range(0)


def _top(lines: Lines) -> range:
    """The lines above the first table."""
    return range(next((number for number, line in enumerate(lines) if re.match(_HEADER, line)), len(lines)))


def _line_of_key(lines: Lines, span: range, key: str) -> int | None:
    for number in span:
        match = re.match(_KEY, lines[number])
        if match and _captured(match) == key:
            return number
    return None


def _captured(match: re.Match[str]) -> str | None:
    """The name within a header or before an equals sign, however it is quoted."""
    return next((group for group in match.groups() if group is not None), None)


def _with_active_line(lines: Lines, name: str) -> Lines:
    line = f"active = {_literal(name)}"
    at = _line_of_key(lines, _top(lines), "active")
    return [line, *lines] if at is None else [*lines[:at], line, *lines[at + 1 :]]


def _with_assignment(lines: Lines, profile: str, key: str, value: object) -> Lines:
    span = _span(lines, profile)
    assignment = f"{key} = {_literal(value)}"
    at = _line_of_key(lines, span, key)
    if at is not None:
        return [*lines[:at], assignment, *lines[at + 1 :]]
    if not span.start:
        return [*lines, "", f"[profiles.{profile}]", assignment]
    end = max((number + 1 for number in span if lines[number].strip()), default=span.start)
    return [*lines[:end], assignment, *lines[end:]]


def _written_anew(active: str, profiles: dict[str, Document]) -> str:
    lines = [f"active = {_literal(active)}"]
    for name, settings in profiles.items():
        lines += ["", f"[profiles.{_literal_key(name)}]", *_assignments(settings)]
    return "\n".join(lines) + "\n"


def _assignments(settings: Document) -> Lines:
    return [f"{_literal_key(key)} = {_literal(value)}" for key, value in settings.items()]


def _literal_key(key: str) -> str:
    return key if re.fullmatch(_PROFILE_NAME, key) else _literal(key)


def _literal(value: object) -> str:
    """A value as TOML; JSON's text, true, numbers and lists are TOML's too."""
    # Profiles are seldom written, and reading them needs no JSON.
    import json  # noqa: PLC0415

    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"A profile cannot hold {value!r}; only text, numbers, true, false and lists of these."
        ) from error
