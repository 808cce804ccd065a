"""Collection: targets and rules as they are found in one place after the other; the first of a name counts."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from segue.document import read_yaml
from segue.exceptions import SettingsError
from segue.notify.entries import RULE, TARGET, Sort, read_entry, with_secrets
from segue.notify.registrations import VALID, Alert, Found
from segue.suggestions import did_you_mean
from segue_notifiers.channels.choice import channel_of
from segue_notifiers.channels.outbound import Policy
from segue_notifiers.channels.url import scheme_of
from segue_notifiers.errors import InvalidChannel, InvalidRule, InvalidTemplate
from segue_notifiers.messages.composition import check_words
from segue_notifiers.rules.check import check
from segue_notifiers.rules.rule import Action, CallWebhook, Match, Notify, Pace, Reactive, Rule
from segue_notifiers.target import Target

T = TypeVar("T", Target, Rule)

FAILURES = "failures"
FAILED_RUNS = ("flow-run.failed", "flow-run.crashed", "task-run.failed", "task-run.crashed")
URLS_TAG = "notify_urls"
LEFT = "notify_on_failure"

# What a rule that nobody wrote sends at most, so that a bad night does not fill a channel.
BUILT_IN_PACE = Pace(most=20, per=60.0)


class Collection:
    """What was found so far; the first of a name counts."""

    def __init__(self, timeout: float, environ: Mapping[str, str]) -> None:
        """`timeout` in seconds is for targets that are only a URL; `environ` has the secrets that files name."""
        self._timeout = timeout
        self._environ = environ
        self.targets: dict[str, Target] = {}
        self.rules: dict[str, Rule] = {}
        self.left: set[str] = set()
        self.places: dict[str, str] = {}
        self.problems: list[str] = []

    def file(self, path: Path) -> None:
        """Take what a file holds, apart from its mistakes."""
        try:
            text = read_text(path)
            document = _document(path, text)
        except SettingsError as error:
            self.problems.append(str(error))
            return
        for key in document:
            if key not in ("targets", "rules"):
                hint = did_you_mean(str(key), ("targets", "rules"))
                self.problems.append(f"{path} holds '{key}', which says nothing; there are targets and rules.{hint}")
        text = "" if path.suffix == ".toml" else text
        self._entries(document, TARGET, (str(path), text), self.targets)
        self._entries(document, RULE, (str(path), text), self.rules)

    def _entries(self, document: dict[str, Any], sort: Sort[T], place: tuple[str, str], into: dict[str, T]) -> None:
        table: Any = document.get(f"{sort.noun}s") or {}
        if not isinstance(table, dict):
            self.problems.append(f"{place[0]}: '{sort.noun}s' is no mapping of names; write `NAME:` below it.")
            return
        for name, value in cast("dict[Any, Any]", table).items():
            try:
                made = read_entry(sort, str(name), value, *place)
                self._add(made, sort.noun, place[0], into)
            except SettingsError as error:
                self.problems.append(str(error))

    def urls(self, urls: Iterable[str]) -> None:
        """Take the setting's URLs: slack-1, slack-2, mailto-1."""
        numbers: Counter[str] = Counter()
        for url in urls:
            scheme = scheme_of(url)
            numbers[scheme] += 1
            name = f"{scheme or 'url'}-{numbers[scheme]}"
            target = Target(name=name, url=url, tags=(URLS_TAG,), timeout=self._timeout)
            self._add(target, "target", "notify_urls", self.targets)

    def built_in(self) -> None:
        """Take the rule that holds where nobody wrote one: failed runs are told."""
        if not self.targets or FAILURES in self.rules:
            return
        of_urls = any(URLS_TAG in target.tags for target in self.targets.values())
        if self.rules and not of_urls:
            return
        tags = (URLS_TAG,) if self.rules else ()
        self.rules[FAILURES] = Rule(
            name=FAILURES,
            when=Reactive(on=Match(kinds=FAILED_RUNS)),
            actions=(Notify(tags=tags),),
            pace=BUILT_IN_PACE,
        )
        self.places[f"rules.{FAILURES}"] = "built in"

    def alert(self, alert: Alert, found: Found, now: int) -> None:
        """Take what `notify_on_failure` has left: a rule, and a target for each URL, told by nothing else."""
        tag = f"on-failure:{found.digest}"
        for number, url in enumerate(alert.urls, 1):
            name = f"{_short(alert)}-{found.digest[:6]}-{number}"
            self.places[f"targets.{name}"] = LEFT
            self.targets[name] = Target(name=name, url=url, tags=(tag,), timeout=self._timeout)
            self.left.add(name)
        if now - found.seen > VALID:
            return
        name = f"{_short(alert)} {alert.ending} ({found.digest[:6]})"
        # A leading "!" would mean all others; with a "*" in its stead it is of that flow, and of few besides.
        glob = f"*{alert.name[1:]}" if alert.name.startswith("!") else alert.name
        by_name = {"flows": (glob,)} if alert.noun == "flow" else {"labels": {"task": glob}}
        match = Match(kinds=(f"{alert.noun}-run.{alert.ending}",), **cast("dict[str, Any]", by_name))
        rule = Rule(
            name=name,
            when=Reactive(on=match),
            actions=(Notify(tags=(tag, *alert.tags)),),
            pace=BUILT_IN_PACE,
            parts=True,
        )
        try:
            check(rule)
        except InvalidRule as error:
            self.problems.append(f"{LEFT}: {error}")
            return
        self.rules[name] = rule
        self.places[f"rules.{name}"] = LEFT

    def _add(self, made: T, noun: str, place: str, into: dict[str, T]) -> None:
        key = f"{noun}s.{made.name}"
        if made.name in into:
            self.problems.append(
                f"The {noun} '{made.name}' of {place} does not count, since {self.places[key]} has one of that name;"
                " rename one of them."
            )
            return
        into[made.name] = made
        self.places[key] = place

    def secrets(self) -> None:
        """Put the environment's values where targets name them as ${NAME}."""
        for name, target in self.targets.items():
            try:
                self.targets[name] = with_secrets(target, self._environ)
            except SettingsError as error:
                self.problems.append(str(error))

    def unreachable(self, policy: Policy) -> None:
        """Find the targets that no message can ever reach, as far as that is known without a message."""
        for name, target in self.targets.items():
            # What is in the environment may be missing here only.
            if "${" not in target.url:
                try:
                    channel_of(target, policy)
                except InvalidChannel as error:
                    self.problems.append(f"{self.places[f'targets.{name}']}: {error}")

    def unsound(self) -> None:
        """Leave out the rules that cannot work; a template that cannot be read is told, and its rule stays."""
        for name, rule in list(self.rules.items()):
            place = self.places[f"rules.{name}"]
            try:
                check(rule)
            except InvalidRule as error:
                del self.rules[name]
                self.problems.append(f"{place}: {error}")
            for action in rule.actions:
                self._check_words(action, f"{place}: the rule '{name}'")

    def _check_words(self, action: Action, whose: str) -> None:
        try:
            if isinstance(action, Notify):
                check_words(action)
        except InvalidTemplate as error:
            self.problems.append(f"{whose} is told without its template. {error}")

    def strays(self) -> None:
        """Find what rules name and is not there: tags, and the targets of webhooks."""
        tags = {tag for target in self.targets.values() for tag in target.tags}
        for rule in self.rules.values():
            if not self.targets:
                self.problems.append(f"The rule '{rule.name}' tells nobody, since there are no targets.")
            for tag in dict.fromkeys(_tags_of(rule)):
                if tag not in tags and self.targets:
                    hint = did_you_mean(tag, tags)
                    self.problems.append(f"The rule '{rule.name}' tells '{tag}', a tag that no target has.{hint}")
            for action in rule.actions:
                if isinstance(action, CallWebhook) and action.target not in self.targets:
                    hint = did_you_mean(action.target, self.targets)
                    self.problems.append(
                        f"The rule '{rule.name}' posts to '{action.target}', and there is no target of that name.{hint}"
                    )


def _short(alert: Alert) -> str:
    """The name of what the alert is for, fit to be a part of another name."""
    return "".join(character if character.isprintable() else "?" for character in alert.name[:60])


def _tags_of(rule: Rule) -> Iterator[str]:
    for action in rule.actions:
        if isinstance(action, Notify):
            yield from action.tags
    for escalation in rule.escalate:
        yield from escalation.tags


def read_text(path: Path) -> str:
    """Return what a file holds; raises SettingsError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = "it holds text that is not UTF-8" if isinstance(error, UnicodeError) else error.strerror
        raise SettingsError(f"{path} cannot be read: {reason}.") from None


def _document(path: Path, text: str) -> dict[str, Any]:
    """What a file says of notifications; raises SettingsError with the file and the line."""
    if path.suffix != ".toml":
        return read_yaml(text, str(path))
    try:
        said: Any = tomllib.loads(text).get("notify", {})
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}.") from None
    if not isinstance(said, dict):
        raise SettingsError(f"{path}: 'notify' is no table; write `[notify.targets.NAME]`.")
    return cast("dict[str, Any]", said)
