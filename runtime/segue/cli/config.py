"""segue config: the settings of the active profile."""

import os
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import Usage
from segue.cli.output import Cell, say, say_json, warn
from segue.exceptions import SettingsError
from segue.profiles import ProfilesFile, read_profiles
from segue.settings import (
    MASK,
    SETTINGS,
    LoadedSettings,
    Setting,
    environment_settings,
    load_settings,
    parse,
    profiles_path,
    setting_named,
)

__all__ = ("app",)

app = App(name="config", help="Settings of the active profile: set, unset, view.", help_epilogue="")


class _Profile(NamedTuple):
    name: str
    file: ProfilesFile


@app.command(name="set")
def set_(*settings: Annotated[str, Parameter(help="Each as SEGUE_NAME=value.")]) -> None:
    """Set settings in the active profile."""
    if not settings:
        raise Usage("Say which setting, and its value: segue config set SEGUE_LOGGING_LEVEL=DEBUG.")
    changes = [_assignment(text) for text in settings]
    profile = _active_profile()
    profile.file.set(profile.name, {setting.variable: value for setting, value in changes}).write()
    for setting, value in changes:
        say(f"Set '{setting.variable}' to {MASK if setting.secret else repr(value)}.")
        _tell_of_environment(setting)
    say(f"Updated profile '{profile.name}'.")


@app.command
def unset(*names: Annotated[str, Parameter(help="Names of settings: SEGUE_NAME.")]) -> None:
    """Remove settings from the active profile, so that their defaults hold again."""
    if not names:
        raise Usage("Say which setting to remove: segue config unset SEGUE_LOGGING_LEVEL.")
    profile = _active_profile()
    held = profile.file.profile(profile.name)
    # A name that is in the file may go, known or not: this is how to mend a profile.
    variables = [name if name in held else _setting(name).variable for name in names]
    for variable in variables:
        if variable not in held:
            raise Usage(f"'{variable}' is not set in profile '{profile.name}'.")
    profile.file.unset(profile.name, variables).write()
    for variable in variables:
        say(f"Unset '{variable}'.")
        if variable in SETTINGS:
            _tell_of_environment(SETTINGS[variable])
    say(f"Updated profile '{profile.name}'.")


@app.command
def view(
    *,
    show_defaults: Annotated[bool, Parameter(negative="--hide-defaults", help="Show settings nobody set too.")] = False,
    show_sources: Annotated[bool, Parameter(negative="--hide-sources", help="Show where values come from.")] = True,
    show_secrets: Annotated[bool, Parameter(negative="--hide-secrets", help="Show secrets as they are.")] = False,
    output: OutputForm = "text",
) -> None:
    """Show the settings in force, and where their values come from."""
    loaded = load_settings()
    for sentence in loaded.warnings:
        warn(sentence)
    shown = [setting for setting in SETTINGS.values() if show_defaults or setting.name in loaded.given]
    values = {setting.variable: _value(loaded, setting, show_secrets) for setting in shown}
    if output == "json":
        say_json({s.variable: {"value": values[s.variable], "source": loaded.source(s)} for s in shown})
        return
    say(Cell(f"Profile '{_active_profile().name}' of {profiles_path(loaded.settings)}", "dim"))
    for setting in shown:
        source = Cell(f" (from {loaded.source(setting)})" if show_sources else "", "dim")
        say(Cell(setting.variable, "bold"), f"={values[setting.variable]!r}", source)


def _active_profile() -> _Profile:
    """The profile that commands change; found without reading its settings, since they may be what is to be mended."""
    settings = environment_settings()
    file = read_profiles(profiles_path(settings))
    return _Profile(settings.profile or file.active, file)


def _assignment(text: str) -> tuple[Setting, Any]:
    name, equals, raw = text.partition("=")
    setting = _setting(name)
    if not equals:
        raise Usage(f"'{name}' has no value; write {name}=value.")
    if setting.bootstrap:
        raise Usage(f"{setting.variable} says where profiles are; so set it in the environment.")
    try:
        value = parse(setting, raw, Path.cwd(), "as you gave it")
    except SettingsError as error:
        raise Usage(str(error)) from error
    return setting, msgspec.to_builtins(value, enc_hook=str)


def _setting(name: str) -> Setting:
    try:
        return setting_named(name)
    except SettingsError as error:
        raise Usage(str(error)) from error


def _value(loaded: LoadedSettings, setting: Setting, show_secrets: bool) -> Any:
    value = msgspec.to_builtins(getattr(loaded.settings, setting.name), enc_hook=str)
    return MASK if setting.secret and value and not show_secrets else value


def _tell_of_environment(setting: Setting) -> None:
    if os.environ.get(setting.variable):
        warn(f"{setting.variable} is set in the environment too, which wins over the profile.")
