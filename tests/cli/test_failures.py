"""From an error to its sentence and exit code."""

import pytest

from segue import exceptions
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.failures import explain, report
from segue_events import errors


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Usage("x"), ExitCode.USAGE),
        (CommandFailed("x", ExitCode.TIMEOUT), ExitCode.TIMEOUT),
        (exceptions.ParameterBindError("x"), ExitCode.USAGE),
        (exceptions.FlowNotFound("x"), ExitCode.NOT_FOUND),
        (exceptions.UnknownRun("x"), ExitCode.NOT_FOUND),
        (exceptions.SettingsError("x"), ExitCode.CONFIGURATION),
        (exceptions.JournalNotRecorded("x", "y"), ExitCode.JOURNAL),
        (errors.JournalCorrupt("x"), ExitCode.JOURNAL),
        (errors.CursorReset("x"), ExitCode.NOT_FOUND),
        (NotADirectoryError(20, "Not a directory", "x"), ExitCode.JOURNAL),
        (ExceptionGroup("many", [ExceptionGroup("inner", [errors.JournalFull("x")])]), ExitCode.JOURNAL),
    ],
)
def test_each_error_has_its_code_and_its_sentence(error: Exception, code: ExitCode) -> None:
    sentence, found = explain(error)

    assert found is code
    assert "x" in sentence


def test_a_bug_of_our_own_says_where_but_shows_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        {}["missing"]
    except KeyError as error:
        code = report(error)

    told = capsys.readouterr().err
    assert code is ExitCode.BUG
    assert "segue itself went wrong: KeyError: 'missing'" in told
    assert "Traceback" not in told


def test_a_bug_shows_its_traceback_to_those_who_look_for_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGUE_LOGGING_LEVEL", "DEBUG")
    try:
        {}["missing"]
    except KeyError as error:
        report(error)

    assert "Traceback" in capsys.readouterr().err
