"""The flights, with a weather station that has bad days and a mailbox for alerts: what `make demo` runs.

Both are small servers on 127.0.0.1, made here. The first run meets a station that refuses twice and then answers; the
second meets one that is closed, fails for good, and so has an alert sent.
"""

import json
import os
import shlex
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

from flow import published

HERE = Path(__file__).parent
FLOW = f"{os.path.relpath(HERE / 'flow.py')}:flights"
SEGUE = os.path.relpath(Path(sys.executable).with_name("segue"))
HOME = Path(os.environ.get("SEGUE_HOME", HERE.parents[1] / ".demo"))
REFUSALS = 2
PATIENCE = 60  # seconds to wait for the alert, which usually comes within one


class Neighbours(ThreadingHTTPServer):
    """A weather station that refuses at first, one that is closed, and a mailbox, at one port of this machine."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Neighbour)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.weather = published("weather.csv").read_bytes()
        self.questions = count(1)
        self.mailbox: Queue[dict[str, Any]] = Queue()


class Neighbour(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Neighbours

    def do_GET(self) -> None:
        """Tell the weather, unless the station is busy or closed."""
        if self.path == "/weather.csv" and next(self.server.questions) > REFUSALS:
            self.reply(200, self.server.weather)
        else:
            self.reply(503, b"no observations at the moment")

    def do_POST(self) -> None:
        """Put an alert into the mailbox."""
        length = int(self.headers["Content-Length"])
        self.server.mailbox.put(json.loads(self.rfile.read(length)))
        self.reply(200, b"Thank you.")

    def reply(self, status: int, body: bytes) -> None:
        """Send status and body."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing: the flow says what it met."""


def main() -> int:
    """Run the flow on a bad day and on a worse one; show the alert, and where everything is recorded."""
    neighbours = Neighbours()
    Thread(target=neighbours.serve_forever, daemon=True).start()
    environment = os.environ | {
        "SEGUE_HOME": str(HOME.absolute()),
        "SEGUE_NOTIFY_URLS": f"json://127.0.0.1:{neighbours.server_port}/alerts",
        # The mailbox is on this machine, where messages may go only if that is said.
        "SEGUE_NOTIFY_ALLOW_NETWORKS": "127.0.0.0/8",
        "NO_PROXY": "127.0.0.1",
    }

    title("1. A pipeline on 336,776 flights. The weather station refuses twice: the task is retried, and recovers.")
    first = segue(environment, "run", FLOW, "-p", f"weather_url={json.dumps(neighbours.url + '/weather.csv')}")

    title("2. The same, but the station is closed: the task fails for good, the run fails, and somebody is told.")
    second = segue(environment, "run", FLOW, "-p", f"weather_url={json.dumps(neighbours.url + '/closed.csv')}")
    told = show_alert(neighbours)

    title("3. All of it is recorded.")
    segue(environment, "flow-run", "ls")
    say_how_to_look(environment)
    return 0 if (first, second, told) == (0, 1, True) else 1


def segue(environment: dict[str, str], *arguments: str) -> int:
    """Show a command, run it, and return its exit code."""
    print(f"$ segue {shlex.join(arguments)}\n", flush=True)
    return subprocess.run([SEGUE, *arguments], env=environment, check=False).returncode


def title(text: str) -> None:
    """Show what comes now."""
    print(f"\n{'─' * len(text)}\n{text}\n{'─' * len(text)}\n", flush=True)


def show_alert(neighbours: Neighbours) -> bool:
    """Show the alert as it comes in; tell whether it did."""
    try:
        alert = neighbours.mailbox.get(timeout=PATIENCE)
    except Empty:
        print(f"No alert came within {PATIENCE} seconds.")
        return False
    print(f"\nThe alert, as the mailbox received it ({alert['type']}):\n")
    for line in (alert["title"], "", *alert["message"].splitlines()):
        print(f"    {line}".rstrip())
    return True


def say_how_to_look(environment: dict[str, str]) -> None:
    """Say where the records are, and which commands show them."""
    home = os.path.relpath(environment["SEGUE_HOME"])
    command = [SEGUE, "flow-run", "ls", "--limit", "1", "--output", "json"]
    newest = json.loads(subprocess.check_output(command, env=environment))[0]["name"]
    print(f"\nThe records are in {home}/segue.db. To look closer:\n")
    print(f"    export SEGUE_HOME={shlex.quote(home)}")
    print(f"    {SEGUE} flow-run inspect {newest}")
    print(f"    {SEGUE} flow-run logs {newest}")
    print(f"    {SEGUE} events stream --from 0")
    print(f"    {SEGUE} journal check")


if __name__ == "__main__":
    sys.exit(main())
