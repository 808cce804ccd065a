"""Settings: each declared once, as a field; from defaults, the active profile, the environment, and code."""

import os
import types
import warnings
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from segue.exceptions import SettingsError
from segue.profiles import ProfilesFile, read_profiles
from segue.suggestions import closest, did_you_mean

__all__ = (
    "MASK",
    "SETTINGS",
    "LoadedSettings",
    "Setting",
    "Settings",
    "environment_settings",
    "get_current_settings",
    "load_settings",
    "parse",
    "profiles_path",
    "setting_named",
    "settings_context",
    "temporary_settings",
)

# What is shown in place of a secret.
MASK = "********"


def about(description: str, *, secret: bool = False, bootstrap: bool = False, ge: float | None = None) -> msgspec.Meta:
    """What a setting is for; whether its value must never be shown, or can come from the environment only."""
    return msgspec.Meta(description=description, extra={"secret": secret, "bootstrap": bootstrap}, ge=ge)


Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; the environment variable of each is SEGUE_ and its name in capitals."""

    home: Annotated[Path, about("The folder of profiles, records, results and keys.", bootstrap=True)] = Path(
        "~/.segue"
    )
    profile: Annotated[
        str, about("The profile to use; empty for the one the profiles file makes active.", bootstrap=True)
    ] = ""
    database: Annotated[Path, about("The file of the journal; by default segue.db in the home.")] = Path("segue.db")
    durability: Annotated[
        Literal["normal", "full"],
        about("What a commit survives: 'normal' the death of every process, 'full' the loss of power too."),
    ] = "normal"
    api_url: Annotated[str | None, about("The URL of a server that keeps the records instead of a local file.")] = None
    api_key: Annotated[str | None, about("The key to show to that server.", secret=True)] = None
    logging_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], about("The least level of log lines kept.")
    ] = "INFO"
    logging_log_prints: Annotated[bool, about("Whether print() in flows and tasks writes log lines.")] = False
    logging_max_line_bytes: Annotated[int, about("Where a log line is cut, in bytes.", ge=64)] = 1_048_576
    flows_default_retries: Annotated[int, about("How often a flow is retried if it does not say.", ge=0)] = 0
    flows_default_retry_delay_seconds: Annotated[
        Seconds | tuple[Seconds, ...], about("How long a flow waits before a retry, in seconds; a list for one each.")
    ] = 0.0
    tasks_default_retries: Annotated[int, about("How often a task is retried if it does not say.", ge=0)] = 0
    tasks_default_retry_delay_seconds: Annotated[
        Seconds | tuple[Seconds, ...], about("How long a task waits before a retry, in seconds; a list for one each.")
    ] = 0.0
    tasks_refresh_cache: Annotated[bool, about("Whether tasks run and replace what is cached.")] = False
    tasks_disable_caching: Annotated[bool, about("Whether tasks neither use nor fill the cache.")] = False
    tasks_max_threads: Annotated[
        Annotated[int, msgspec.Meta(ge=1)] | None,
        about("How many plain tasks run at once; by default the processors and 4, 32 at most."),
    ] = None
    results_persist_by_default: Annotated[bool, about("Whether every result is kept if a task does not say.")] = False
    results_inline_limit: Annotated[
        int, about("Up to how many bytes a result is kept in the journal itself.", ge=0)
    ] = 16_384
    results_storage: Annotated[Path, about("The folder of kept results; by default storage in the home.")] = Path(
        "storage"
    )
    notify_urls: Annotated[
        tuple[str, ...], about("Where failures are told: Apprise URLs, set apart by blanks.", secret=True)
    ] = ()
    notify_timeout_seconds: Annotated[Seconds, about("How long one message may take, in seconds.")] = 30.0
    notify_file: Annotated[Path, about("The file of targets and rules; by default notifications.yaml in the home.")] = (
        Path("notifications.yaml")
    )
    notify_allow_networks: Annotated[
        tuple[str, ...],
        about("Private networks that messages may go to all the same, as 10.0.0.0/8, set apart by blanks."),
    ] = ()
    notify_allow_schemes: Annotated[
        tuple[str, ...],
        about("The schemes of URLs that messages may go by; by default all that do not act on this machine."),
    ] = ()
    ui_url: Annotated[str | None, about("Where the pages of runs are, for links in messages.")] = None
    server_host: Annotated[str, about("The address that a server listens on.")] = "127.0.0.1"
    server_port: Annotated[int, about("The port that a server listens on; 0 for any that is free.", ge=0)] = 4200
    server_page: Annotated[bool, about("Whether a server has the page too, or the API only.")] = True
    server_auth: Annotated[
        Literal["auto", "required", "off"],
        about("Whether a server asks for keys; by default once there is one, and always beyond this machine."),
    ] = "auto"
    server_hosts: Annotated[
        tuple[str, ...], about("Names that a server is reached by besides this machine's own, set apart by blanks.")
    ] = ()
    server_origins: Annotated[
        tuple[str, ...], about("Pages elsewhere that may call a server, as https://example.org, set apart by blanks.")
    ] = ()
    server_max_body_bytes: Annotated[int, about("How long a request to a server may be, in bytes.", ge=1024)] = (
        8_388_608
    )
    server_requests_per_second: Annotated[
        Seconds, about("How many requests a second a server takes of one caller, 0 for any number.")
    ] = 500.0
    server_grace_seconds: Annotated[Seconds, about("How long a server that stops finishes its requests.")] = 5.0
    server_late_seconds: Annotated[Seconds, about("How long after its time a scheduled run is late, in seconds.")] = (
        15.0
    )
    server_retention_days: Annotated[
        Seconds, about("How many days a server keeps runs that have ended, and events; 0 for ever.")
    ] = 30.0

    def __post_init__(self) -> None:
        """Make the paths absolute; what is relative lies in the home."""
        home = self.home.expanduser().absolute()
        msgspec.structs.force_setattr(self, "home", home)
        for name in ("database", "results_storage", "notify_file"):
            path: Path = getattr(self, name)
            msgspec.structs.force_setattr(self, name, home / path.expanduser())


class Setting(NamedTuple):
    """The declaration of one setting."""

    name: str
    variable: str
    type: Any
    default: Any
    help: str
    secret: bool
    bootstrap: bool


def _declared() -> dict[str, Setting]:
    hints = get_type_hints(Settings, include_extras=True)
    settings = [_setting(field, hints[field.name]) for field in msgspec.structs.fields(Settings)]
    return {setting.variable: setting for setting in settings}


def _setting(field: msgspec.structs.FieldInfo, hint: Any) -> Setting:
    about = hint.__metadata__[-1]
    return Setting(
        name=field.name,
        variable=f"SEGUE_{field.name.upper()}",
        type=hint,
        default=field.default,
        help=about.description or "",
        **about.extra,
    )


SETTINGS: Mapping[str, Setting] = types.MappingProxyType(_declared())


class Given(NamedTuple):
    """A value somebody gave to a setting, and where."""

    value: Any
    source: str


class LoadedSettings(NamedTuple):
    """Settings with where their values came from, by field, and what should be told about them."""

    settings: Settings
    given: dict[str, Given]
    warnings: tuple[str, ...] = ()

    def source(self, setting: Setting) -> str:
        """Where the value comes from: defaults, profile 'name', environment, or code."""
        given = self.given.get(setting.name)
        return given.source if given else "defaults"


_current: ContextVar[LoadedSettings | None] = ContextVar("segue_settings", default=None)


def get_current_settings() -> Settings:
    """The settings of this context, or else those of the process, read once; raises SettingsError."""
    return (_current.get() or _of_the_process()).settings


@contextmanager
def settings_context(loaded: LoadedSettings) -> Generator[Settings]:
    """Use other settings inside a block, and in whatever starts there with a copy of its context."""
    token = _current.set(loaded)
    try:
        yield loaded.settings
    finally:
        _current.reset(token)


@contextmanager
def temporary_settings(
    updates: Mapping[str, Any] | None = None, restore_defaults: Iterable[str] = ()
) -> Generator[Settings]:
    """Change some settings inside a block.

    `updates` maps variables (SEGUE_TASKS_DEFAULT_RETRIES) or fields (tasks_default_retries) to values, as text or
    typed; `restore_defaults` names those to put back to their defaults. Raises SettingsError for an unknown name or
    a value that does not fit.
    """
    base = _current.get() or _of_the_process()
    restored = {setting_named(name).name for name in restore_defaults}
    given = {name: value for name, value in base.given.items() if name not in restored}
    for name, value in (updates or {}).items():
        setting = setting_named(name)
        given[setting.name] = Given(parse(setting, value, Path.cwd(), "in temporary_settings"), "code")
    with settings_context(_made(given)) as settings:
        yield settings


def load_settings(environ: Mapping[str, str] = os.environ, *, profile: str | None = None) -> LoadedSettings:
    """Read the settings anew: defaults, below the profile, below the environment.

    `profile` is used instead of SEGUE_PROFILE and the active one. Raises SettingsError with the place, the setting,
    its value, and what to write instead.
    """
    environment, odd = _from_environment(environ)
    if profile is not None:
        environment["profile"] = Given(profile, "command line")
    bare = _made(environment).settings
    file = read_profiles(profiles_path(bare))
    given = {**_from_profile(file, bare.profile or file.active, bare.home), **environment}
    return _made(given, odd)


def environment_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read what the environment alone says: where the home is, and which profile is asked for, if any."""
    return _made(_from_environment(environ)[0]).settings


def profiles_path(settings: Settings) -> Path:
    """Where the profiles file lies."""
    return settings.home / "profiles.toml"


def parse(setting: Setting, raw: object, base: Path, place: str) -> Any:
    """Make the setting's value from text, TOML or Python; relative paths lie in `base`.

    Raises SettingsError, which calls the place it was found by `place`: "in the environment".
    """

    def path(kind: type, value: object) -> Path:
        if kind is not Path or not isinstance(value, str | Path) or "\0" in str(value):
            raise ValueError("not a path")
        return base / Path(value).expanduser()

    try:
        plain = _untexted(setting.type, raw) if isinstance(raw, str) else raw
        return msgspec.convert(plain, setting.type, strict=False, dec_hook=path)
    except (msgspec.ValidationError, msgspec.DecodeError, RuntimeError) as error:
        shown = MASK if setting.secret else _shown(raw)
        raise SettingsError(f"{setting.variable} is {shown} {place}; it must be {_expected(setting.type)}.") from error


@cache
def _of_the_process() -> LoadedSettings:
    loaded = load_settings()
    for warning in loaded.warnings:
        warnings.warn(warning, stacklevel=3)
    return loaded


def _made(given: dict[str, Given], warnings: tuple[str, ...] = ()) -> LoadedSettings:
    return LoadedSettings(Settings(**{name: item.value for name, item in given.items()}), given, warnings)


def setting_named(name: str) -> Setting:
    """Find a setting by its variable or its field; raises SettingsError with the closest name."""
    variable = name if name in SETTINGS else f"SEGUE_{name.upper()}"
    if variable not in SETTINGS:
        raise SettingsError(
            f"There is no setting {name}.{did_you_mean(name, SETTINGS)} `segue config view --show-defaults` lists all."
        )
    return SETTINGS[variable]


def _from_environment(environ: Mapping[str, str]) -> tuple[dict[str, Given], tuple[str, ...]]:
    given: dict[str, Given] = {}
    odd: list[str] = []
    # An empty variable is one that is not set, as usual in shells and container files; two underscores are for
    # variables that are no settings (SEGUE__RUNTIME__…).
    names = [name for name in environ if name.startswith("SEGUE_") and not name.startswith("SEGUE__") and environ[name]]
    for name in names:
        if setting := SETTINGS.get(name):
            value = parse(setting, environ[name], Path.cwd(), "in the environment")
            given[setting.name] = Given(value, "environment")
        elif near := closest(name, SETTINGS, likeness=0.8):
            odd.append(f"{name} in the environment is not a setting and does nothing. Did you mean {near}?")
    return given, tuple(odd)


def _from_profile(file: ProfilesFile, profile: str, home: Path) -> dict[str, Given]:
    given: dict[str, Given] = {}
    for name, raw in file.profile(profile).items():
        line = file.line_of(profile, name)
        place = f"in {file.path}, " + (f"line {line}" if line else f"profile '{profile}'")
        setting = SETTINGS.get(name)
        if setting is None:
            raise SettingsError(
                f"There is no setting {name!r}, as written {place}.{did_you_mean(name, SETTINGS)}"
                f" Correct or delete it; `segue config view --show-defaults` lists all."
            )
        if setting.bootstrap:
            raise SettingsError(
                f"{name} is set {place}, but it says where that file is; set it in the environment instead."
            )
        given[setting.name] = Given(parse(setting, raw, home, place), f"profile '{profile}'")
    return given


def _untexted(kind: Any, text: str) -> object:
    """What a text stands for, where its type is not text: the items of a list, one of some words."""
    text = text.strip()
    plain = _stripped(kind)
    if get_origin(plain) is Literal:
        return next((word for word in get_args(plain) if word.casefold() == text.casefold()), text)
    if any(get_origin(option) is tuple for option in _options(plain)):
        if text.startswith("["):
            return msgspec.json.decode(text)
        items = text.split()
        return items if len(items) != 1 or get_origin(plain) is tuple else text
    return text


def _expected(kind: Any) -> str:
    """The values a type allows, in words."""
    plain, bound = _stripped(kind), ""
    for least in (item.ge for item in getattr(kind, "__metadata__", ()) if item.ge is not None):
        bound = f" of at least {least:g}"
    if get_origin(plain) is Literal:
        return "one of " + ", ".join(get_args(plain))
    if get_origin(plain) is tuple:
        return f"a list, each item {_expected(get_args(plain)[0])}"
    if len(_options(plain)) > 1:
        return " or ".join(_expected(option) for option in _options(plain) if option is not types.NoneType) + bound
    words = {bool: "true or false", int: "a whole number", float: "a number", Path: "a path", str: "text"}
    return words[plain] + bound


def _stripped(kind: Any) -> Any:
    return kind.__origin__ if get_origin(kind) is Annotated else kind


def _options(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _shown(raw: object) -> str:
    shown = repr(raw)
    return shown if len(shown) <= 100 else f"{shown[:80]}… ({len(shown):,} characters)"
