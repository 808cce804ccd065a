"""What a project begins with."""

import json
import subprocess
from pathlib import Path

import msgspec
import pytest

from segue.deploying.editors import editors_schema
from segue.deploying.entries import ProjectEntry
from segue.deploying.manifest import read_manifest
from segue.deploying.project import RECIPES, begin_project, entrypoint_of, remember_entrypoint
from segue.exceptions import InvalidProject
from segue.steps import check_arguments, read_steps


def test_a_project_begins_with_files_that_can_be_read(tmp_path: Path) -> None:
    made = begin_project(tmp_path, name="taxi")

    manifest = read_manifest(tmp_path)

    assert made == [".segueignore", "deployment.yaml", "segue.yaml", ".segue/"]
    assert manifest.project.name == "taxi"
    assert manifest.project.pull == [{"segue.steps.set_working_directory": {"directory": str(tmp_path)}}]
    assert [one.name for one in manifest.declared] == [""]
    assert manifest.declared[0].entry({}).name is None


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "segue.yaml").write_text("mine")
    (tmp_path / "deployment.yaml").symlink_to("elsewhere.yaml")

    assert begin_project(tmp_path) == [".segueignore", ".segue/"]
    assert begin_project(tmp_path) == []
    assert (tmp_path / "segue.yaml").read_text() == "mine"
    assert not (tmp_path / "elsewhere.yaml").exists()


@pytest.mark.parametrize("name", ["null", "a: b", "12", "'", "#x", "ä\n- b", "{{ x", '"', "\u2028", "true", "- a"])
def test_any_name_comes_back_as_it_was(tmp_path: Path, name: str) -> None:
    begin_project(tmp_path, name=name)

    assert read_manifest(tmp_path).project.name == name


def test_a_clone_begins_with_its_repository_and_without_its_token(tmp_path: Path) -> None:
    for arguments in (
        ["init", "--quiet", "-b", "trunk"],
        ["remote", "add", "origin", "https://me:c4n4ry@git.example.com/me/taxi.git"],
        ["-c", "user.name=a", "-c", "user.email=b", "commit", "--quiet", "--allow-empty", "-m", "First"],
    ):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)

    begin_project(tmp_path)

    step = {"repository": "https://git.example.com/me/taxi.git", "branch": "trunk"}
    assert read_manifest(tmp_path).project.pull == [{"segue.steps.git_clone": step}]


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_steps_of_every_recipe_can_be_read(tmp_path: Path, recipe: str) -> None:
    asked = {"git": {"repository": "https://x/y: {z}.git"}, "s3": {"bucket": "code"}}.get(recipe, {})

    begin_project(tmp_path, recipe=recipe, fields=asked)

    project = read_manifest(tmp_path).project
    check_arguments([step for steps in (project.push, project.pull) for step in read_steps(steps or (), "steps")])  # pyright: ignore[reportArgumentType]
    assert all(value in str(project.pull) for value in asked.values())


@pytest.mark.parametrize(
    ("recipe", "fields", "sentence"),
    [
        ("gitt", {}, r"There is no recipe 'gitt'\. Did you mean 'git'\? There are: local, git, s3\."),
        ("local", {"dir": "x"}, r"Recipe 'local' has no field 'dir'\. It has: directory\."),
        ("s3", {}, r"Recipe 's3' needs to know its bucket; add --field bucket=…\."),
    ],
)
def test_a_recipe_that_cannot_be_followed_leaves_nothing(
    tmp_path: Path, recipe: str, fields: dict[str, str], sentence: str
) -> None:
    with pytest.raises(InvalidProject, match=f"^{sentence}$"):
        begin_project(tmp_path, recipe=recipe, fields=fields)

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidProject, match="cannot have the files of a project: No such file"):
        begin_project(tmp_path / "none", recipe="local")


def test_editors_know_every_key(tmp_path: Path) -> None:
    begin_project(tmp_path)

    schema = json.loads((tmp_path / ".segue/segue.schema.json").read_text())

    assert schema == editors_schema()
    properties = schema["$defs"]["ProjectEntry"]["properties"]
    assert list(properties) == [field.encode_name for field in msgspec.structs.fields(ProjectEntry)]
    assert (tmp_path / "segue.yaml").read_text().startswith("# yaml-language-server: $schema=.segue/segue.schema.json")


def test_where_a_flow_is_is_remembered(tmp_path: Path) -> None:
    remember_entrypoint(tmp_path, "main-flow", "x.py:main_flow")
    begin_project(tmp_path)
    remember_entrypoint(tmp_path, "main-flow", "flows/x.py:main_flow")
    remember_entrypoint(tmp_path, "other", "y.py:other")

    assert entrypoint_of(tmp_path, "main-flow") == "flows/x.py:main_flow"
    with pytest.raises(InvalidProject, match=r"No flow 'main-flo' was deployed .* Did you mean 'main-flow'\?"):
        entrypoint_of(tmp_path, "main-flo")
