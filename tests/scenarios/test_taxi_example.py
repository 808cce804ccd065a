"""The taxi example: from a file to runs that happen by themselves, by the commands that its page tells."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "taxi"

pytestmark = pytest.mark.slow


class Shell:
    """A folder with a copy of the example, and commands that are run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SEGUE_")}
        self.environment = {**kept, "SEGUE_HOME": str(folder / "home"), "NO_COLOR": "1", "COLUMNS": "120"}

    def segue(self, *arguments: str) -> str:
        """What the command prints; it must succeed."""
        command = [sys.executable, "-m", "segue", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=55, check=False
        )
        assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A command that goes on."""
        with (self.folder / "started.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "segue", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in the example's folder, with a server that its commands speak to and a worker of its pool."""
    shutil.copytree(EXAMPLE, tmp_path / "taxi")
    made, port = Shell(tmp_path / "taxi"), free_port()
    made.segue("server", "start", "--background", "--port", str(port))
    try:
        made.segue("config", "set", f"SEGUE_API_URL=http://127.0.0.1:{port}/api")
        worker = made.start("worker", "start", "-p", "my-pool", "-t", "process")
        try:
            yield made
        finally:
            worker.terminate()
            worker.wait(30)
    finally:
        made.segue("server", "stop")


@pytest.mark.timeout(240)
def test_a_project_is_begun_deployed_run_and_scheduled(shell: Shell) -> None:
    begun = shell.segue("project", "init")
    assert "segue.yaml" in begun
    assert (shell.folder / "deployment.yaml").read_bytes() == (EXAMPLE / "deployment.yaml").read_bytes()

    shell.segue("deploy", "orchestrate.py:main_flow", "-n", "my deployment", "-p", "my-pool")
    shell.segue("deploy", "--all")
    shell.segue("deployment", "set-schedule", "main_flow/taxi", "--interval", "120")
    watched = shell.segue("deployment", "run", "main-flow/my-deployment", "--watch")

    assert "trips in month 1" in watched
    assert "completed" in watched
    [run] = json.loads(shell.segue("flow-run", "ls", "--state", "Completed", "--output", "json"))
    assert run["flow_name"] == "main-flow"
    names = shell.segue("deployment", "ls")
    assert all(name in names for name in ("main-flow/my deployment", "main-flow/taxi", "main-flow/taxi_spring"))
    assert "every 2 min" in shell.segue("deployment", "schedule", "ls", "main_flow/taxi")
