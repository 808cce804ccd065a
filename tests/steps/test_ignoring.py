"""Ignoring: patterns mean what they mean to git."""

from pathlib import Path

import pytest

from segue.steps.ignoring import Ignored

from .conftest import git_in

PATHS = (
    "a.py",
    "a.pyc",
    "b/a.pyc",
    "b/c/keep.pyc",
    "env/x",
    "x/env/y",
    "env.txt",
    "doc/a/b.md",
    "doc/b.md",
    "#a",
    "!a",
    "a[1]",
)


@pytest.mark.parametrize(
    "lines",
    [
        "*.pyc\n!keep.pyc",
        "env/",
        "/env",
        "doc/*.md",
        "doc/**/b.md",
        "**/c",
        "doc/**",
        "*.py[cod]\n[!a-z]*",
        "# comment\n\n\\#a\n\\!a",
        "?.py",
        "b/\n",
    ],
)
def test_the_same_files_are_ignored_as_git_ignores(tmp_path: Path, lines: str) -> None:
    git = git_in(tmp_path)
    git("init", "--quiet")
    (tmp_path / ".gitignore").write_text(lines)
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    by_git = {path for path in git("ls-files", "-o", "--exclude-standard").splitlines() if path != ".gitignore"}
    ignored = Ignored(lines.splitlines())

    def left_out(path: str) -> bool:
        folders = [str(folder) for folder in Path(path).parents if str(folder) != "."]
        return ignored(path, False) or any(ignored(folder, True) for folder in folders)

    assert {path for path in PATHS if not left_out(path)} == by_git


def test_without_a_file_nothing_is_ignored(tmp_path: Path) -> None:
    assert not Ignored.of(tmp_path)("a.pyc", False)
