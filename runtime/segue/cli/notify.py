"""segue notify: who is told, of what, and what has been told."""

import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.alerts import say_answers, say_configuration, say_deliveries
from segue.cli.arguments import Limit, OutputForm
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import say, warn
from segue.cli.rule_options import RuleOptions
from segue.cli.session import NothingRecorded, configured, noting, reading
from segue.cli.silence import FOR_EVER, acknowledge, mute, muted_rules
from segue.cli.spans import span
from segue.cli.text import instant
from segue.cli.trial import try_targets
from segue.exceptions import SettingsError
from segue.notify import configuration
from segue.notify.configuration import Configuration
from segue.notify.process import serve
from segue.settings import Settings
from segue.suggestions import did_you_mean
from segue_events import SystemClock
from segue_notifiers.errors import NotifierError
from segue_notifiers.outbox.log import DeliveryLog
from segue_notifiers.rules import Notify
from segue_notifiers.target import Target

__all__ = ("app",)

app = App(name="notify", help="Alerts: who is told, of what, and what has been told.", help_epilogue="")

TargetName = Annotated[str, Parameter(help="The name of a target.")]
RuleName = Annotated[str, Parameter(help="The name of a rule.")]


@app.command
def add(
    name: Annotated[str, Parameter(help="What to call the target; it is shown, and the URL is not.")],
    url: Annotated[
        str,
        Parameter(
            allow_leading_hyphen=True,
            help="Its URL; '${NAME}' is of the environment, - reads it from standard input.",
        ),
    ],
    *,
    tag: Annotated[list[str] | None, Parameter(negative=(), help="A tag by which rules pick it.")] = None,
    secret: Annotated[
        str | None, Parameter(help="What signs posts to a webhook; '${NAME}' is of the environment.")
    ] = None,
    time_limit: Annotated[str, Parameter(name="--timeout", help="How long an attempt may take.")] = "30s",
) -> None:
    """Add a target: a URL under a name."""
    target = Target(
        name=name,
        url=sys.stdin.readline().strip() if url == "-" else url,
        tags=tuple(tag or ()),
        timeout=span(time_limit, "--timeout"),
        secret=secret or "",
    )
    with configured() as settings:
        path = _saved(partial(configuration.add_target, settings, target))
    say(f"Added target '{name}' to {path}. `segue notify test {name}` sends it a message.")


@app.command
def add_rule(name: RuleName, *, options: Annotated[RuleOptions | None, Parameter(name="*")] = None) -> None:
    """Add a rule: when to speak, and to whom; by default of every run that fails or crashes, to all targets."""
    rule = (options or RuleOptions()).rule(name)
    with configured() as settings:
        before = configuration.load(settings)
        path = _saved(partial(configuration.add_rule, settings, rule))
        after = configuration.load(settings)
    say(f"Added rule '{name}' to {path}.")
    known = {kept.name for kept in after.rules}
    for gone in (built_in.name for built_in in before.rules if built_in.name not in known):
        # The one that holds as long as nobody has written a rule.
        warn(f"The built-in rule '{gone}' holds no more; to have one beside it, `segue notify add-rule {gone}`.")


@app.command
async def ls(*, output: OutputForm = "text") -> None:
    """List targets and rules, wherever they are written."""
    try:
        async with reading() as (journal, _):
            muted = await muted_rules(journal, SystemClock().now_us())
    except NothingRecorded:
        muted = dict[str, int]()
    with configured() as settings:
        say_configuration(_found(settings), muted, output)


@app.command(name="test")
async def send_test(
    *names: Annotated[str, Parameter(help="A target, a tag, or a rule whose targets are meant; by default all.")],
    output: OutputForm = "text",
) -> ExitCode:
    """Send a real message, and show each target's answer; the exit code is 1 if one did not take it."""
    with configured() as settings:
        answers = await try_targets(
            _targets_meant(_found(settings), names), configuration.policy_of(settings), SystemClock()
        )
    say_answers(answers, output)
    return ExitCode.RUN_FAILED if any(answer.reason for answer in answers) else ExitCode.OK


@app.command(name="mute")
async def mute_(
    rule: RuleName,
    *,
    for_: Annotated[str | None, Parameter(name="--for", help="How long: 90s, 15m, 2h, 1d; else until unmute.")] = None,
) -> None:
    """Let a rule be silent."""
    seconds = None if for_ is None else span(for_, "--for")
    until = FOR_EVER if seconds is None else SystemClock().now_us() + round(seconds * 1e6)
    _check_rule(rule)
    async with noting() as journal:
        await mute(journal, rule, until)
    say(f"Rule '{rule}' is silent until {'`segue notify unmute`' if for_ is None else instant(until)}.")


@app.command
async def unmute(rule: RuleName) -> None:
    """Let a rule speak again."""
    _check_rule(rule)
    async with noting() as journal:
        await mute(journal, rule, 0)
    say(f"Rule '{rule}' speaks again.")


@app.command
async def ack(
    rule: RuleName,
    *,
    group: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Only the group with this value of for_each; once for each value. By default all."),
    ] = None,
) -> None:
    """Say that somebody takes care of what a rule has told, so that it escalates no more."""
    _check_rule(rule)
    async with noting() as journal:
        await acknowledge(journal, rule, tuple(group) if group else None)
    say(f"Acknowledged what rule '{rule}' told{' of ' + ', '.join(group) if group else ''}: it escalates no more.")


@app.command
async def log(
    *,
    target: Annotated[str | None, Parameter(help="Only what went to this target.")] = None,
    rule: Annotated[str | None, Parameter(help="Only what this rule told.")] = None,
    limit: Limit = 20,
    output: OutputForm = "text",
) -> None:
    """Show what was sent to whom, and what was not and why; the latest first."""
    try:
        async with reading() as (journal, _):
            lines = await DeliveryLog.entries(journal, target=target, rule=rule, limit=limit)
    except NothingRecorded:
        lines = []
    say_deliveries(lines, SystemClock().now_us(), output)


@app.command
def rm(*names: Annotated[str, Parameter(help="Targets or rules.")]) -> None:
    """Remove targets or rules that were added by command."""
    if not names:
        raise Usage("Say what to remove: segue notify rm NAME.")
    with configured() as settings:
        for name in names:
            path = _saved(partial(configuration.remove, settings, name), ExitCode.NOT_FOUND)
            say(f"Removed '{name}' from {path}.")


@app.command
def run() -> int:
    """Tell of what happens until Ctrl-C; needed by rules that wait for what does not happen."""
    with configured() as settings:
        return serve(settings)


def _saved(save: Callable[[], Path], code: ExitCode = ExitCode.USAGE) -> Path:
    """Save; what cannot be saved was asked for in a wrong way, unless another code says what it means."""
    try:
        return save()
    except (NotifierError, SettingsError) as error:
        raise CommandFailed(str(error), code) from error


def _found(settings: Settings) -> Configuration:
    found = configuration.load(settings)
    for sentence in found.problems:
        warn(sentence)
    return found


def _check_rule(name: str) -> None:
    """Raise CommandFailed if there is no rule of this name."""
    with configured() as settings:
        found = configuration.load(settings)
    try:
        found.rule(name)
    except SettingsError as error:
        raise CommandFailed(str(error), ExitCode.NOT_FOUND) from error


def _targets_meant(found: Configuration, names: Iterable[str]) -> list[Target]:
    """The targets of these names, with these tags, and of the rules of these names; without names, all.

    Raises CommandFailed if there is none.
    """
    meant: dict[str, Target] = {}
    for name in names or [target.name for target in found.targets]:
        chosen = _targets_of(found, name)
        if not chosen:
            known = [*(target.name for target in found.targets), *(rule.name for rule in found.rules)]
            raise CommandFailed(
                f"No target, tag or rule with targets is called '{name}'.{did_you_mean(name, known)}"
                " `segue notify ls` lists them.",
                ExitCode.NOT_FOUND,
            )
        meant.update((target.name, target) for target in chosen)
    if not meant:
        raise CommandFailed("There are no targets yet; `segue notify add NAME URL` adds one.", ExitCode.NOT_FOUND)
    return list(meant.values())


def _targets_of(found: Configuration, name: str) -> list[Target]:
    for target in found.targets:
        if target.name == name:
            return [target]
    tagged = [target for target in found.targets if name in target.tags]
    if tagged:
        return tagged
    told = [action for rule in found.rules if rule.name == name for action in rule.actions]
    tells = [frozenset(action.tags) for action in told if isinstance(action, Notify)]
    return [target for target in found.targets if any(_tells(tags, target, found) for tags in tells)]


def _tells(tags: frozenset[str], target: Target, found: Configuration) -> bool:
    return bool(tags & set(target.tags)) if tags else target.name not in found.left
