"""A folder to work in, and a repository on this machine to clone."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is empty; where a step goes, the test comes back from."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A repository with two folders on `main`, and a branch `old/one` with another text."""
    folder = tmp_path / "origin"
    folder.mkdir()
    git = git_in(folder)
    git("init", "--quiet", "-b", "main")
    for name in ("flows/hello.py", "data/big.csv"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("old")
    git("add", ".")
    git("commit", "--quiet", "-m", "First")
    git("branch", "old/one")
    (folder / "flows/hello.py").write_text("new")
    git("commit", "--quiet", "-am", "Second")
    return folder


def git_in(folder: Path) -> Git:
    """`git …` in a folder, with an author and without anybody's own configuration."""
    who = {f"GIT_{role}_{what}": "a@b" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environ = os.environ | who | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, env=environ, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return git
