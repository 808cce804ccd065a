"""Configuration: the targets and rules in force, from files, settings and what runs have left; and changes to it."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec

from segue.document import edited_yaml, read_yaml
from segue.exceptions import SettingsError
from segue.notify.collection import Collection, read_text
from segue.notify.entries import RULE, TARGET, check_name, read_entry, with_secrets
from segue.notify.registrations import Alert, Registrations
from segue.notify.sources import Sources
from segue.settings import Settings
from segue.suggestions import did_you_mean
from segue_events import Clock, SystemClock
from segue_notifiers.channels import choice
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.errors import InvalidChannel
from segue_notifiers.messages.composition import check_words
from segue_notifiers.rules.check import check as check_rule
from segue_notifiers.rules.rule import Notify, Rule
from segue_notifiers.target import Target

T = TypeVar("T", Target, Rule)

CLOCK = SystemClock()


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """Who can be told, and when who is.

    `places` says where each one stands: of "targets.ops" or "rules.nightly". `left` are the names of targets that
    only rules naming them tell. `problems` are sentences about what cannot be used and is left out.
    """

    targets: tuple[Target, ...] = ()
    rules: tuple[Rule, ...] = ()
    left: frozenset[str] = frozenset()
    places: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    problems: tuple[str, ...] = ()

    def target(self, name: str) -> Target:
        """The target of this name; raises SettingsError with the closest name."""
        return _named("target", name, self.targets)

    def rule(self, name: str) -> Rule:
        """The rule of this name; raises SettingsError with the closest name."""
        return _named("rule", name, self.rules)


def load(
    settings: Settings, folder: Path | None = None, *, clock: Clock = CLOCK, environ: Mapping[str, str] = os.environ
) -> Configuration:
    """Read what is configured: the user's file, those of the folder, notify_urls, and what runs have left.

    `folder` is where runs start, by default this process's own; those that runs have left are added. Of two with the
    same name the first counts. Never raises for what somebody wrote: one mistake must not silence all that is right.
    """
    collected = Collection(settings.notify_timeout_seconds, environ)
    for path in sources_of(settings, folder, clock=clock).files():
        collected.file(path)
    collected.unsound()
    collected.urls(settings.notify_urls)
    collected.built_in()
    collected.secrets()
    with suppress(InvalidChannel):  # who sends says what is wrong with the setting
        collected.unreachable(policy_of(settings))
    for found in Registrations.of(settings.database).found(clock.now_us()):
        if isinstance(found.registration, Alert):
            collected.alert(found.registration, found, clock.now_us())
    collected.strays()
    return Configuration(
        targets=tuple(collected.targets.values()),
        rules=tuple(collected.rules.values()),
        left=frozenset(collected.left),
        places=collected.places,
        problems=tuple(collected.problems),
    )


def sources_of(settings: Settings, folder: Path | None = None, *, clock: Clock = CLOCK) -> Sources:
    """Where `load` looks for what is configured."""
    left = Registrations.of(settings.database).found(clock.now_us())
    folders = (Path(found.registration.path) for found in left if not isinstance(found.registration, Alert))
    return Sources.of(settings, folder or Path.cwd(), *folders)


def policy_of(settings: Settings) -> Policy:
    """Where the settings let messages go. Raises InvalidChannel for a network that cannot be read."""
    return Policy(schemes=settings.notify_allow_schemes, allow=settings.notify_allow_networks)


def read_rule(name: str, value: object, place: str) -> Rule:
    """Make a rule of what is written for it in `place`, in its short form or whole; raises SettingsError."""
    return read_entry(RULE, name, value, place)


def add_target(settings: Settings, target: Target, *, environ: Mapping[str, str] = os.environ) -> Path:
    """Write a target into the user's file, and return the file; `${NAME}` stays in it as it is.

    Raises SettingsError for a name that cannot be or is taken, InvalidChannel or Forbidden for a URL that can never
    be sent to.
    """
    check_name(TARGET.noun, target.name, "the command")
    choice.check(with_secrets(target, environ), policy_of(settings))
    return _add(settings, TARGET.noun, target)


def add_rule(settings: Settings, rule: Rule) -> Path:
    """Write a rule into the user's file, and return the file.

    Raises SettingsError for a name that cannot be or is taken, InvalidRule for a rule that cannot work, and
    InvalidTemplate for words that cannot be read.
    """
    check_name(RULE.noun, rule.name, "the command")
    check_rule(rule)
    for action in rule.actions:
        if isinstance(action, Notify):
            check_words(action)
    return _add(settings, RULE.noun, rule)


def remove(settings: Settings, name: str) -> Path:
    """Take the target of this name out of the user's file, or else the rule; return the file.

    Raises SettingsError if it does not hold one, saying where it stands instead.
    """
    text = read_text(settings.notify_file) if settings.notify_file.exists() else ""
    document = read_yaml(text, str(settings.notify_file))
    section = next((key for key in ("targets", "rules") if name in (document.get(key) or {})), None)
    if section is None:
        raise SettingsError(_elsewhere(settings, name))

    def edit(document: dict[str, Any]) -> None:
        del document[section][name]

    return _write(settings.notify_file, edited_yaml(text, str(settings.notify_file), edit))


def _elsewhere(settings: Settings, name: str) -> str:
    found = load(settings)
    places = [place for key, place in found.places.items() if key.partition(".")[2] == name]
    if places:
        return f"'{name}' is not of {settings.notify_file} but of {places[0]}; take it out there."
    names = [key.partition(".")[2] for key in found.places]
    return f"There is no target or rule '{name}'.{did_you_mean(name, names)} `segue notify ls` lists all."


def _add(settings: Settings, noun: str, made: Target | Rule) -> Path:
    path, section = settings.notify_file, f"{noun}s"
    text = read_text(path) if path.exists() else ""
    if made.name in (read_yaml(text, str(path)).get(section) or {}):
        raise SettingsError(
            f"There is already a {noun} '{made.name}' in {path}; remove it first, or choose another name."
        )

    def edit(document: dict[str, Any]) -> None:
        if not document.get(section):
            document[section] = {}
        document[section][made.name] = _written(made)

    return _write(path, edited_yaml(text, str(path), edit))


def _written(made: Target | Rule) -> dict[str, Any]:
    """What a file holds of it: all that is not as it would be anyway, and not the name."""
    return {key: value for key, value in _lean(made).items() if key != "name"}


def _lean(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        tag = {config.tag_field: config.tag} if config.tag_field else {}
        fields = msgspec.structs.fields(value)
        return tag | {
            field.name: _lean(getattr(value, field.name))
            for field in fields
            if getattr(value, field.name) != _default(field)
        }
    if isinstance(value, list | tuple):
        return [_lean(item) for item in cast("Sequence[Any]", value)]
    return msgspec.to_builtins(value)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def _write(path: Path, text: str) -> Path:
    """Replace the file, whole or not at all, readable by its owner only: it holds tokens."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be written: {error.strerror}. Is its folder one you may write to?"
        ) from None
    return path


def _named(noun: str, name: str, there: Sequence[T]) -> T:
    found = next((one for one in there if one.name == name), None)
    if found is None:
        names = [one.name for one in there]
        raise SettingsError(
            f"There is no {noun} '{name}'.{did_you_mean(name, names)} There are: {', '.join(names) or 'none'}."
        )
    return found
