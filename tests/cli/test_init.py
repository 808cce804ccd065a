"""segue init, and segue project init: the same, by both names."""

from pathlib import Path

import pytest

from .conftest import Command


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is empty."""
    folder = tmp_path / "taxi"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("words", [["init"], ["project", "init"]])
def test_it_says_what_it_made_and_then_that_there_is_nothing_to_do(
    segue: Command, folder: Path, words: list[str]
) -> None:
    first, second = segue(*words), segue(*words)

    assert first.out == (
        f"A project is begun in {folder}, with these new files:\n  .segueignore\n  deployment.yaml\n  segue.yaml\n"
        "  .segue/\n"
    )
    assert second.out == f"The project in {folder} has all its files already; none was changed.\n"
    assert (first.code, second.code) == (0, 0)


def test_a_recipe_takes_fields(segue: Command, folder: Path) -> None:
    done = segue("init", "--name", "x", "--recipe", "git", "-f", "repository=https://x/y.git", "--field", "branch=dev")

    assert done.code == 0
    text = (folder / "segue.yaml").read_text()
    assert "name: x\n" in text
    assert '    repository: "https://x/y.git"\n    branch: dev\n' in text


def test_recipes_are_listed_with_their_fields(segue: Command) -> None:
    assert "git     workers clone the repository          repository, branch" in segue("project", "recipe", "ls").out


@pytest.mark.parametrize(
    ("options", "code", "sentence"),
    [
        (["--recipe", "dokcer"], 1, "Error: There is no recipe 'dokcer'. There are: local, git, s3.\n"),
        (["--recipe", "s3"], 1, "Error: Recipe 's3' needs to know its bucket; add --field bucket=….\n"),
        (["-f", "branch"], 2, "Error: --field 'branch' is not of the form key=value; write --field branch=main.\n"),
    ],
)
def test_a_wrong_recipe_or_field_is_one_sentence(
    segue: Command, folder: Path, options: list[str], code: int, sentence: str
) -> None:
    done = segue("init", *options)

    assert (done.code, done.err, list(folder.iterdir())) == (code, sentence, [])
