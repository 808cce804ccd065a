"""The command, called in this process or in one of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from segue.cli.main import main


class Done(NamedTuple):
    """What a command left: its exit code, what it printed, what it complained about."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SEGUE_HOME that is not there yet."""
    for name in ("SEGUE_PROFILE", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("SEGUE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def segue(home: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`segue …` in this process."""

    def call(*arguments: str) -> Done:
        code = main(arguments)
        return Done(code, *capsys.readouterr())

    return call


@pytest.fixture
def segue_process(home: Path) -> Command:
    """`segue …` in a process of its own, as a shell starts it."""

    def call(*arguments: str, cwd: Path | None = None) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "segue", *arguments],
            capture_output=True,
            text=True,
            cwd=cwd,
            check=False,
            timeout=50,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return call
