"""segue profile: named sets of settings."""

from collections.abc import Callable
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, say, say_json
from segue.exceptions import SettingsError
from segue.profiles import ProfilesFile, read_profiles
from segue.settings import MASK, SETTINGS, environment_settings, profiles_path

__all__ = ("app",)

Name = Annotated[str, Parameter(help="The name of a profile.")]

app = App(
    name="profile",
    help="Profiles, named sets of settings: list, create, use, delete, rename, inspect.",
    help_epilogue="",
)


@app.command
def ls(*, output: OutputForm = "text") -> None:
    """List the profiles; the one in use has a star."""
    file, used = _file_and_used()
    if output == "json":
        say_json(
            [{"name": name, "active": name == used, "settings": len(file.profiles[name])} for name in file.profiles]
        )
        return
    for name in file.profiles:
        say(Cell("* " if name == used else "  ", "green"), Cell(name, "bold" if name == used else ""))


@app.command
def create(
    name: Name, *, from_: Annotated[str | None, Parameter(name="--from", help="A profile to copy.")] = None
) -> None:
    """Create a profile, empty or as a copy."""
    file, _ = _file_and_used()
    settings = _existing(file, from_).profile(from_) if from_ else {}
    _write(lambda: file.create(name, settings))
    say(f"Created profile '{name}' in {file.path}. `segue profile use {name}` makes it the active one.")


@app.command
def use(name: Name) -> None:
    """Make a profile the active one."""
    file, _ = _file_and_used()
    _write(lambda: _existing(file, name).use(name))
    say(f"Profile '{name}' is now the active one.")


@app.command
def delete(name: Name) -> None:
    """Delete a profile; the active one must stay."""
    file, _ = _file_and_used()
    _write(lambda: _existing(file, name).delete(name))
    say(f"Deleted profile '{name}'.")


@app.command
def rename(name: Name, new_name: Annotated[str, Parameter(help="Its new name.")]) -> None:
    """Give a profile another name."""
    file, _ = _file_and_used()
    _write(lambda: _existing(file, name).rename(name, new_name))
    say(f"Renamed profile '{name}' to '{new_name}'.")


@app.command
def inspect(
    name: Annotated[str | None, Parameter(help="The name of a profile; by default the one in use.")] = None,
    *,
    output: OutputForm = "text",
) -> None:
    """Show what a profile sets; secrets are masked."""
    file, used = _file_and_used()
    shown = name or used
    settings = {key: _masked(key, value) for key, value in _existing(file, shown).profile(shown).items()}
    if output == "json":
        say_json({"name": shown, "active": shown == used, "settings": settings})
        return
    if not settings:
        say(f"Profile '{shown}' sets nothing.")
    for key, value in settings.items():
        say(Cell(key, "bold"), f"={value!r}")


def _file_and_used() -> tuple[ProfilesFile, str]:
    settings = environment_settings()
    file = read_profiles(profiles_path(settings))
    return file, settings.profile or file.active


def _existing(file: ProfilesFile, name: str) -> ProfilesFile:
    try:
        file.profile(name)
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.NOT_FOUND) from error
    return file


def _write(change: Callable[[], ProfilesFile]) -> None:
    """Make the change and write it; what cannot be done to a profile was asked for in a wrong way."""
    try:
        changed = change()
    except SettingsError as error:
        raise Usage(str(error)) from error
    changed.write()


def _masked(key: str, value: object) -> object:
    setting = SETTINGS.get(key)
    return MASK if setting is None or setting.secret else value
