"""The docs are true: the README's flow prints what the README shows, links lead somewhere, nothing is left out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from segue.cli.exit_codes import MEANINGS
from segue.settings import SETTINGS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES += sorted((ROOT / "examples").rglob("*.md"))


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a language in a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


def timeless(text: str) -> str:
    """Return output without what differs from run to run: times and the names of flow runs."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d\d\d", "TIME", text)
    return re.sub(r"(?i)flow run '[a-z]+-[a-z]+'", "flow run NAME", text).strip()


def test_the_flow_of_the_readme_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """The first Python block of the README is run, and its output is the first text block."""
    script = tmp_path / "weather.py"
    script.write_text(blocks(ROOT / "README.md", "python")[0])

    run = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONUNBUFFERED": "1", "SEGUE_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert timeless(run.stdout) == timeless(blocks(ROOT / "README.md", "text")[0])
    assert run.returncode == 0


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_that_are_there(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()) if "://" not in link]

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_python_in_the_docs_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


def test_the_command_line_page_explains_every_exit_code() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()

    assert [code for code, meaning in MEANINGS.items() if f"| {int(code)} | {meaning} |" not in page] == []


def test_the_command_line_page_lists_every_setting() -> None:
    page = (ROOT / "docs" / "cli.md").read_text()

    assert [row for name, it in SETTINGS.items() if (row := f"| `{name}` | {it.help} |") not in page] == []
