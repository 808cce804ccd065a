"""Every source file is a noun of readable size, and none says what the house does not say."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("events/segue_events", "notifiers/segue_notifiers", "runtime/segue")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
# The page needs a browser, which not everybody has; where CI is set, its absence is a failure.
PAGE = ROOT / "tests/page/conftest.py"
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py") if path not in (Path(__file__), PAGE))
LINES = 450

NOT_IN_SOURCES = {
    "TODO": "finish it, or file it",
    "FIXME": "finish it, or file it",
    ".executemany(": "one statement of many rows: docs/decisions/0002",
    "mmap_size": "SQLite's memory mapping hides errors of the disk",
    "import *": "name what is imported",
}
NOT_IN_TESTS = {
    "unittest.mock": "use the fakes of the testing modules",
    "time.sleep(": "wait for the event, not for time",
    "pytest.mark.skip": "a test runs, or is not there",
    "pytest.skip(": "a test runs, or is not there",
    "xfail(": "a test passes, or is not there",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_source_file_says_what_it_is_and_has_a_readable_size(path: Path) -> None:
    text = path.read_text()

    assert ast.get_docstring(ast.parse(text)), "its first line should say what it is"
    assert len(text.splitlines()) <= LINES, f"more than {LINES} lines: it holds more than one noun"


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_sources_hold_nothing_that_the_house_bans(path: Path) -> None:
    text = path.read_text()

    assert {word: why for word, why in NOT_IN_SOURCES.items() if word in text} == {}


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_tests_hold_nothing_that_the_house_bans(path: Path) -> None:
    text = path.read_text()

    assert {word: why for word, why in NOT_IN_TESTS.items() if word in text} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_each_package_tells_that_it_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
