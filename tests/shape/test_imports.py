"""Importing segue is quick, because it brings nothing that a run does not need."""

import subprocess
import sys

import pytest

# What takes milliseconds each, and only some flows or only running ones need.
HEAVY = {
    "aiosqlite",
    "anyio",
    "apprise",
    "cloudpickle",
    "ctypes",
    "cyclopts",
    "json",
    "multiprocessing",
    "numpy",
    "pydantic",
    "rich",
    "segue.cache_policies",
    "segue.results",
    "segue.serializers",
    "segue_events.journal",
    "sqlite3",
    "tomllib",
    "websockets",
    "zoneinfo",
}


def loaded_by(statement: str) -> set[str]:
    """Return the modules that an interpreter of its own has loaded after the statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


@pytest.mark.parametrize("statement", ["import segue", "from segue import flow, task"])
def test_flows_and_tasks_bring_no_heavy_library(statement: str) -> None:
    # A tool that measures the tests may bring some of these into every process.
    assert (loaded_by(statement) - loaded_by("pass")) & HEAVY == set()


def test_the_notifiers_bring_apprise_only_when_they_send() -> None:
    assert "apprise" not in loaded_by("import segue_notifiers")


def test_the_events_know_nothing_of_runs() -> None:
    above = {
        module for module in loaded_by("import segue_events") if module.split(".")[0] in ("segue", "segue_notifiers")
    }

    assert above == set()
