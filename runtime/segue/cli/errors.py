"""The error of a command that was called in a wrong way."""

from segue.cli.exit_codes import ExitCode

__all__ = ("CommandFailed", "Usage")


class CommandFailed(Exception):
    """The command cannot do what it was asked to; carries the sentence and the exit code."""

    def __init__(self, sentence: str, code: ExitCode) -> None:
        super().__init__(sentence)
        self.code = code


class Usage(CommandFailed):
    """An argument or option is wrong, in a way only the command itself can tell."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, ExitCode.USAGE)
