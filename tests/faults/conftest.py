"""What the tests of faults share: programs of their own to break, and journals opened as the runtime opens them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(segue_home: Path) -> Iterator[Start]:
    """Start a program of `children/` with arguments, its home this test's; it does not outlive the test."""
    children: list[subprocess.Popen[str]] = []

    def start(name: str, *arguments: object) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "children" / name), *map(str, arguments)],
            env={**os.environ, "SEGUE_HOME": str(segue_home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start
    for child in children:
        child.send_signal(signal.SIGKILL)
        child.communicate()
