"""The flights example does what its README says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights"


@pytest.fixture
def demo(segue_home: Path) -> subprocess.CompletedProcess[str]:
    """What `make demo` prints, run with a home of this test's own."""
    return subprocess.run(
        [sys.executable, str(FLIGHTS / "demo.py")],
        env=os.environ | {"SEGUE_HOME": str(segue_home), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_demo_recovers_then_fails_and_alerts(demo: subprocess.CompletedProcess[str]) -> None:
    steps = [
        "Retry 1/3 will start",
        "Retry 2/3 will start",
        "Error of the guessed air time (RMSE, minutes)",
        "Retries are exhausted",
        "The alert, as the mailbox received it (failure)",
        "Flow run flights/",
        "The records are in",
    ]
    found = [demo.stdout.find(step) for step in steps]

    assert demo.returncode == 0, demo.stdout
    assert "336,776 flights by 16 carriers to 105 airports" in demo.stdout
    assert -1 not in found, demo.stdout
    assert found == sorted(found), demo.stdout
