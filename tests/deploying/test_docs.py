"""The page about deployments shows files that can be read, and lists every key and step."""

import re
from pathlib import Path

import pytest

from segue import steps
from segue.deploying.entries import DeploymentEntry
from segue.deploying.manifest import read_manifest
from segue.steps import check_arguments, read_steps

PAGE = (Path(__file__).parents[2] / "docs/deployments.md").read_text()
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_each_file_that_is_shown_can_be_read(tmp_path: Path, block: str) -> None:
    (tmp_path / "segue.yaml").write_text(block)

    manifest = read_manifest(tmp_path)

    assert all(one.entry({}).entrypoint for one in manifest.declared)
    for written in (manifest.project.build, manifest.project.pull):
        check_arguments(read_steps(written or (), "f"))


def test_every_key_of_a_deployment_is_explained() -> None:
    assert [key for key in DeploymentEntry.__struct_fields__ if f"`{key}`" not in PAGE] == []


def test_every_step_is_explained() -> None:
    made = [
        name for name in steps.__all__ if name.islower() and name not in ("check_arguments", "read_steps", "run_steps")
    ]

    assert [name for name in made if f"`{name}(" not in PAGE] == []
