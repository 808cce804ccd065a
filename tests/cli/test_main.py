"""The command itself: help, unknown words, exit codes, what it imports."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from segue.cli import exit_codes
from segue.cli.exit_codes import MEANINGS, ExitCode

from .conftest import Command

HEAVY = ("segue.engine", "segue.flows", "segue_events", "aiosqlite", "asyncio", "pydantic", "apprise")


def test_help_names_the_commands_and_all_exit_codes(segue: Command) -> None:
    done = segue("--help")

    assert done.code == 0
    assert "flow-run: Flow runs: list" in done.out
    assert all(f"{code:>5}  {MEANINGS[code]}" in done.out for code in ExitCode)


def test_versions_as_json(segue: Command) -> None:
    versions = json.loads(segue("version", "-o", "json").out)

    assert versions["python"] == sys.version.split()[0]
    assert set(versions) == {"segue", "python", "sqlite", "platform"}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("vresion", "There is no command 'vresion'. Did you mean 'version'?"),
        ("config vew", "There is no command 'vew'. Did you mean 'view'?"),
        ("version --outptu json", "Unknown option: --outptu. Did you mean --output?"),
        ("version -o yaml", "yaml"),
        ("version\x1b[31m", "'version␛[31m'"),
    ],
)
def test_a_wrong_word_gets_a_sentence_and_code_2(segue: Command, command: str, sentence: str) -> None:
    done = segue(*command.split())

    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


# The package's root is left out: what `import segue` itself brings is a matter of its own.
LIGHT = """
import sys, types
root = types.ModuleType("segue")
root.__path__ = [{folder!r}]
sys.modules["segue"] = root
from segue.cli.main import main
main({arguments})
print(*(set(sys.modules) & set({heavy})))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["flow-run", "--help"], ["version"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    heavy = HEAVY if arguments[0] != "flow-run" else HEAVY[:2]
    code = LIGHT.format(folder=str(Path(exit_codes.__file__).parents[1]), arguments=arguments, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == ""


def test_a_reader_that_goes_away_is_no_error(segue_process: Command) -> None:
    command = f"{sys.executable} -m segue config view --show-defaults | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert done.returncode in (ExitCode.OK, ExitCode.BROKEN_PIPE)
    assert done.stderr == ""


def test_the_completion_script_of_each_shell_knows_the_commands(segue: Command) -> None:
    for shell in ("bash", "zsh", "fish"):
        assert "flow-run" in segue("completion", "show", "--shell", shell).out
