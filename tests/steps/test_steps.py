"""Steps: read, found, run one after the other; each that fails says which, and why."""

import sys
from pathlib import Path
from typing import Any

import pytest

from segue.exceptions import InvalidProject, StepFailed
from segue.steps import Finished, Sources, check_arguments, pull_from_remote_storage, read_steps, run_steps

OWN = """\
def double(n):
    return {"twice": 2 * n}

async def later():
    return {"directory": "sub"}

def wrong():
    return 3

def fails(token):
    raise ValueError("no more")

number = 3
"""


@pytest.fixture
def own(here: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the current folder, with steps of somebody's own."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    name = f"own_{here.parent.name.replace('-', '_')}"
    (here / f"{name}.py").write_text(OWN)
    return name


async def run(*written: Any, **environ: str) -> Finished:
    return await run_steps(read_steps(written, "pull"), Sources(environ=environ, outputs={}), "pull")


async def test_a_later_step_has_what_an_earlier_put_out(here: Path) -> None:
    finished = await run(
        {"segue.steps.run_shell_script": {"id": "first", "script": "echo one\necho two >&2"}},
        {"segue.deployments.steps.run_shell_script": {"script": "echo {{ first.stdout }} {{ $WHO }}"}},
        WHO="Ada",
    )

    assert finished.outputs["first"] == {"stdout": "one", "stderr": "two"}
    assert finished.outputs["stdout"] == "one Ada"
    assert finished.folder == here


async def test_anybodys_function_is_a_step(here: Path, own: str) -> None:
    finished = await run({f"{own}.double": {"n": 4, "id": "it"}}, {f"{own}.later": None})

    assert finished == Finished({"it": {"twice": 8}, "directory": "sub"}, here / "sub")


async def test_a_folder_is_the_current_one_for_what_comes_after(here: Path) -> None:
    (here / "sub").mkdir()

    finished = await run({"set_working_directory": {"directory": "sub"}}, {"run_shell_script": {"script": "pwd"}})

    assert finished.outputs["stdout"] == str(here / "sub")
    assert finished.folder == Path.cwd() == here / "sub"


async def test_what_a_script_prints_is_shown_unless_it_is_not_to_be(
    here: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    await run({"run_shell_script": {"script": "echo $SEEN", "env": {"SEEN": 5}}})
    await run({"run_shell_script": {"script": "echo hidden", "stream_output": False}})

    assert capfd.readouterr().out == "5\n"


async def test_a_script_is_never_an_option(here: Path) -> None:
    with pytest.raises(StepFailed, match="ended with exit code 127"):
        await run({"run_shell_script": {"script": "-x\necho reached"}})


async def test_requirements_are_installed_by_pip(here: Path) -> None:
    (here / "requirements.txt").write_text("--no-index\n")

    assert "no-index" not in (await run({"pip_install_requirements": {"stream_output": False}})).outputs["stderr"]


async def test_a_folder_is_copied_without_what_it_ignores(here: Path, tmp_path: Path) -> None:
    source = tmp_path / "project"
    (source / "env").mkdir(parents=True)
    for name in ("flow.py", "env/x", "note.tmp"):
        (source / name).write_text(name)
    (source / "link.py").symlink_to("flow.py")
    (source / ".segueignore").write_text("env/\n*.tmp\n")

    assert await pull_from_remote_storage(f"file://{source}") == {"directory": str(here / "project")}

    assert sorted(path.name for path in (here / "project").rglob("*")) == [".segueignore", "flow.py", "link.py"]
    assert (here / "project/link.py").is_symlink()


async def test_a_link_out_of_a_folder_is_not_followed(here: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project/passwd").symlink_to("/etc/passwd")

    with pytest.raises(StepFailed, match=r"passwd is a link that leads out of .*project; remove it"):
        await pull_from_remote_storage(str(tmp_path / "project"))


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ({"set_working_directory": {"directory": "../x"}}, r"'\.\./x' of set_working_directory leads out of"),
        ({"set_working_directory": {"directory": "none"}}, r"The folder .*none of set_working_directory is not there"),
        ({"run_shell_script": {"script": "", "directory": "../.."}}, r"leads out of"),
        ({"run_shell_script": {"script": "echo why >&2; exit 3"}}, r"exit code 3 in .*: why"),
        ({"pip_install_requirements": {"requirements_file": "/etc/passwd"}}, r"leads out of"),
        ({"pip_install_requirements": {}}, r"There is no requirements\.txt in"),
        ({"pull_from_remote_storage": {"url": "s3://bucket/x"}}, r"nothing from s3://; .* such as git_clone"),
        ({"pull_from_remote_storage": {"url": "none"}}, r"There is no folder none"),
        ({"pull_from_remote_storage": {"url": "."}}, r"cannot be copied into itself"),
        ({"run_shel_script": {}}, r"There is no step 'run_shel_script'\. Did you mean 'run_shell_script'\?"),
        ({"segue.steps.nothing": {}}, r"There is no step 'segue\.steps\.nothing'\."),
        (
            {"run_shell_script": {"scrpt": "x"}},
            r"an unexpected argument 'scrpt'\. Did you mean 'script'\? It takes: scr",
        ),
        ({"run_shell_script": {}}, r"has missing a required argument: 'script'\. It takes: script, directory"),
        ({"git_clone": {"repository": ".", "brunch": "x"}}, r"'brunch'\. Did you mean 'branch'\?"),
        ({"run_shell_script": {"script": "{{ segue.blocks.x.y }}"}}, r"nothing here keeps its value; write the value"),
        ({"run_shell_script": {"script": "{{ $NO }}"}}, r"the environment has no NO"),
        (
            {"OWN.fails": {"token": "c4n4ry"}},
            r"The step OWN\.fails did not succeed: ValueError: no more \(.*line 11\)\.",
        ),
        ({"OWN.wrong": {}}, r"The step OWN\.wrong returned int; return a mapping"),
        ({"OWN.doubel": {}}, r"There is no function 'doubel' in OWN\. Did you mean 'double'\?"),
        ({"OWN.number": {}}, r"There is no function 'number'"),
        ({"no_such_package.steps.push": {"requires": "such"}}, r"no module 'no_such_package'; pip install such\."),
    ],
)
async def test_a_step_that_cannot_be_run_is_told_in_a_sentence(
    here: Path, own: str, step: dict[str, Any], sentence: str
) -> None:
    named = {name.replace("OWN", own): arguments for name, arguments in step.items()}

    with pytest.raises((StepFailed, InvalidProject), match=sentence.replace("OWN", own)) as raised:
        await run(named)

    assert "c4n4ry" not in str(raised.value)


@pytest.mark.parametrize("written", ["run_shell_script", {"a": {}, "b": {}}, {3: {}}, {"run_shell_script": "echo"}])
def test_what_is_no_step_is_told_with_its_number(written: Any) -> None:
    with pytest.raises(InvalidProject, match=r"^segue\.yaml, pull: step 2"):
        read_steps([{"run_shell_script": None}, written], "segue.yaml, pull")


def test_steps_for_another_machine_are_checked_as_far_as_they_can_be() -> None:
    check_arguments(read_steps([{"only.there.function": {"x": 1}}, {"git_clone": {"repository": "x"}}], "pull"))

    with pytest.raises(StepFailed, match="There is no step 'git-clone'"):
        check_arguments(read_steps([{"git-clone": {}}], "pull"))
