"""The exit codes of the `segue` command: the one place that says what each means."""

from enum import IntEnum

__all__ = ("ExitCode", "explained")


class ExitCode(IntEnum):
    """What a shell or a CI job can learn from the command's end."""

    OK = 0
    RUN_FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNAUTHORIZED = 4
    UNREACHABLE = 5
    BUG = 70
    JOURNAL = 74
    CONFIGURATION = 78
    TIMEOUT = 124
    INTERRUPTED = 130
    BROKEN_PIPE = 141


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.RUN_FAILED: "a run, script or message failed; no such deployment, pool or limit",
    ExitCode.USAGE: "an argument or option is wrong",
    ExitCode.NOT_FOUND: "no such file, flow, run, artifact, profile, target, rule",
    ExitCode.UNAUTHORIZED: "the server does not let you in",
    ExitCode.UNREACHABLE: "the server cannot be reached",
    ExitCode.BUG: "segue itself has a bug",
    ExitCode.JOURNAL: "the journal cannot be read or written",
    ExitCode.CONFIGURATION: "the settings are broken",
    ExitCode.TIMEOUT: "the time given was over",
    ExitCode.INTERRUPTED: "you interrupted it",
    ExitCode.BROKEN_PIPE: "nobody reads the output any more",
}


def explained() -> str:
    """The table of codes, as `segue --help` shows it."""
    return "\n".join(["Exit codes:", *(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())])
