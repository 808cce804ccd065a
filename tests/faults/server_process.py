"""A server in a process of its own, which tests start and kill."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from segue.tables import projections
from segue_events import Event
from segue_events.journal.sqlite import SqliteJournal


class Server:
    """A server in a process of its own, always at the same port."""

    def __init__(self, home: Path) -> None:
        self.home = home
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        read, write = os.pipe()
        environment = {**os.environ, "SEGUE_HOME": str(self.home), "SEGUE_SERVER_PORT": str(self.port)}
        with open(read, "rb") as report, (self.home.parent / "server.log").open("ab") as log:
            program = [sys.executable, "-m", "segue.server", f"--report={write}"]
            self._process = subprocess.Popen(program, env=environment, pass_fds=[write], stdout=log, stderr=log)
            os.close(write)
            assert b'"url"' in report.read()

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it by a signal."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None

    async def events(self) -> list[Event]:
        """What is in its journal."""
        async with SqliteJournal(self.home / "segue.db", projections=projections(), read_only=True) as journal:
            return await journal.read(limit=1_000_000)
