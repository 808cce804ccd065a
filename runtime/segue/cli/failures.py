"""From an error to its sentence and its exit code; imported when there is an error."""

import os
import traceback
from collections.abc import Iterator
from typing import cast

from cyclopts import CycloptsError, UnknownCommandError

from segue import exceptions
from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import complain
from segue.suggestions import did_you_mean
from segue_events.errors import CursorError, CursorReset, EventsError
from segue_notifiers.errors import NotifierError

__all__ = ("explain", "report")

# The first that fits; what fits none is a bug.
_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (CycloptsError, ExitCode.USAGE),
    (exceptions.ParameterBindError, ExitCode.USAGE),
    (exceptions.ParameterTypeError, ExitCode.USAGE),
    (exceptions.AmbiguousRun, ExitCode.USAGE),
    (exceptions.UnknownArtifact, ExitCode.NOT_FOUND),
    (exceptions.FlowNotFound, ExitCode.NOT_FOUND),
    (exceptions.UnknownRun, ExitCode.NOT_FOUND),
    (exceptions.ServerError, ExitCode.UNREACHABLE),
    (exceptions.SettingsError, ExitCode.CONFIGURATION),
    (exceptions.JournalNotRecorded, ExitCode.JOURNAL),
    (exceptions.SegueError, ExitCode.RUN_FAILED),
    (CursorError, ExitCode.USAGE),
    (CursorReset, ExitCode.NOT_FOUND),
    (EventsError, ExitCode.JOURNAL),
    (NotifierError, ExitCode.CONFIGURATION),
)

# What a server calls the problem for which it refuses.
_REFUSALS = {
    "not-found": ExitCode.NOT_FOUND,
    "unknown-run": ExitCode.NOT_FOUND,
    "unknown-artifact": ExitCode.NOT_FOUND,
    "gone": ExitCode.NOT_FOUND,
    "ambiguous-run": ExitCode.USAGE,
    "unprocessable-entity": ExitCode.USAGE,
    "unprocessable-content": ExitCode.USAGE,
    "unauthorized": ExitCode.UNAUTHORIZED,
    "forbidden": ExitCode.UNAUTHORIZED,
}


def report(error: Exception) -> ExitCode:
    """Say on standard error what went wrong; return the exit code for it."""
    sentence, code = explain(error)
    complain(sentence)
    if code is ExitCode.BUG and os.environ.get("SEGUE_LOGGING_LEVEL", "").upper() == "DEBUG":
        traceback.print_exception(error)
    return code


def explain(error: BaseException) -> tuple[str, ExitCode]:
    """Find the sentence and the exit code of an error."""
    if isinstance(error, CommandFailed):
        return str(error), error.code
    if isinstance(error, BaseExceptionGroup):
        return explain(next(_leaves(cast("BaseExceptionGroup[BaseException]", error))))
    if isinstance(error, UnknownCommandError):
        return _unknown_command(error), ExitCode.USAGE
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return f"The operating system refuses: {error.strerror or error}{place}.", ExitCode.JOURNAL
    refusal = getattr(error, "kind", "") if isinstance(error, exceptions.ServerError) else ""
    if refusal:
        return str(error), _REFUSALS.get(refusal, ExitCode.RUN_FAILED)
    for kind, code in _CODES:
        if isinstance(error, kind):
            return str(error), code
    return _as_bug(error), ExitCode.BUG


def _unknown_command(error: UnknownCommandError) -> str:
    # The library's own sentence would import every command.
    name = (error.unused_tokens or [""])[0]
    known = [command for command in error.app or () if not command.startswith("-")]
    return f"There is no command '{name}'.{did_you_mean(name, known)} There are: {', '.join(known)}."


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(cast("BaseExceptionGroup[BaseException]", error))
        else:
            yield error


def _as_bug(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = "".join(traceback.format_exception_only(error)).strip()
    return (
        f"segue itself went wrong: {what} ({frame.filename}, line {frame.lineno})."
        " With SEGUE_LOGGING_LEVEL=DEBUG the command shows where; please report it."
    )
