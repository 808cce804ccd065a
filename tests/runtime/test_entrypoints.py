"""Entrypoints: from a text to a flow, and what is said when there is none."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from segue.entrypoints import ScriptFailed, load_flow
from segue.exceptions import FlowNotFound

SCRIPT = """\
from segue import flow
import helper

@flow
def first(n: int = 1):
    return helper.double(n)

@flow
def second():
    return 2

def plain():
    return 3
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a script, its helper, and the interpreter's modules as they were afterwards."""
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "helper.py").write_text("def double(n):\n    return 2 * n\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize("entrypoint", ["script.py:first", "./script.py:first", "script:first"])
def test_a_flow_of_a_script_or_module_is_found_with_what_lies_beside_it(folder: Path, entrypoint: str) -> None:
    assert load_flow(entrypoint).name == "first"


def test_the_only_flow_needs_no_name(folder: Path) -> None:
    (folder / "one.py").write_text("from segue import flow\n@flow\ndef only(): pass\nalias = only\n")

    assert load_flow("one.py").name == "only"


def test_a_flow_of_a_class_is_found_by_its_dotted_name(folder: Path) -> None:
    (folder / "classy.py").write_text(
        "from segue import flow\nclass A:\n    @staticmethod\n    @flow\n    def f(): pass\n"
    )

    assert load_flow("classy.py:A.f").name == "f"


def test_a_script_called_as_a_module_that_is_there_already_is_still_that_script(folder: Path) -> None:
    (folder / "json.py").write_text("from segue import flow\n@flow\ndef mine(): pass\n")

    assert load_flow("json.py:mine").name == "mine"
    assert sys.modules["json"].__name__ == "json"


@pytest.mark.parametrize(
    ("entrypoint", "sentence"),
    [
        ("scrpt.py:first", "The script scrpt.py does not exist (looked for from {folder}). Did you mean 'script.py'?"),
        ("folder.py:first", "The script folder.py is a folder, not a script"),
        ("script.py:frist", "There is no flow 'frist' in script.py. Did you mean 'first'? It has: first, second."),
        ("script.py:plain", "'plain' in script.py is not a flow but of type function; put @flow above it."),
        ("script.py", "Which flow of script.py? It has: first, second. Write script.py:NAME."),
        ("helper.py:x", "There is no flow 'x' in helper.py. It has no flows; put @flow above a function."),
        ("helper.py", "Which flow of helper.py? It has no flows"),
        ("nothing.here:x", "There is no module 'nothing.here'; for a script write its path: path/to/here.py:flow."),
        (":x", "'' is neither a script nor a module; write path/to/script.py:flow"),
        ("", "neither a script nor a module"),
        ("a/b:x", "'a/b' is neither a script"),
        (".rel:x", "neither a script"),
    ],
)
def test_what_is_not_there_is_told_in_a_sentence(folder: Path, entrypoint: str, sentence: str) -> None:
    (folder / "folder.py").mkdir()

    with pytest.raises(FlowNotFound) as caught:
        load_flow(entrypoint)

    assert sentence.format(folder=folder) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 / 0", "line 1, in <module>\n    1 / 0"),
        ("import helper\nhelper.double(1, 2, 3)", "TypeError: double() takes 1 positional argument"),
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def f(:", "SyntaxError"),
        ("x = '\\x00'\n\x00", "could not be loaded"),
        ("from segue import flow\n@flow(retires=3)\ndef f(): pass", "retires"),
    ],
)
def test_what_goes_wrong_in_a_script_is_shown_with_its_own_frames_only(folder: Path, text: str, told: str) -> None:
    (folder / "broken.py").write_text(text)

    with pytest.raises(ScriptFailed) as caught:
        load_flow("broken.py:f")

    sentence = str(caught.value)
    assert sentence.startswith("broken.py could not be loaded:")
    assert told in sentence
    assert "importlib" not in sentence
    assert "entrypoints.py" not in sentence


def test_a_module_that_goes_wrong_shows_its_own_frames_too(folder: Path) -> None:
    (folder / "broken.py").write_text("import nothing_of_this_name\n")

    with pytest.raises(ScriptFailed, match=r"broken could not be loaded:\n.*broken.py"):
        load_flow("broken:f")


def test_a_script_that_exits_is_told_what_to_do(folder: Path) -> None:
    (folder / "quits.py").write_text("import sys\nsys.exit(3)\n")

    with pytest.raises(ScriptFailed, match=r"ended itself with sys.exit\(3\)"):
        load_flow("quits.py:f")
