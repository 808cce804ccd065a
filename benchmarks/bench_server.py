"""How fast a server answers over a large database: each list of the API, asked again and again, one at a time."""

import argparse
import asyncio
import http.client
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from measure import environment, fresh_home, report
from server_seed import seed

SERVER = """
import asyncio, sys
import uvicorn
from segue.server.app import create_app
from segue.server.wiring import wired
from segue.settings import load_settings
from segue_events import SystemClock

async def main():
    async with wired(load_settings(), SystemClock()) as wiring:
        config = uvicorn.Config(create_app(wiring), port=int(sys.argv[1]), lifespan="off", log_config=None)
        await uvicorn.Server(config).serve()

asyncio.run(main())
"""

# What pages of lists ask for: plain, filtered by what is frequent, by what is rare, and by what there is not.
LISTS = {
    "flow runs": "/flow-runs",
    "flow runs, 200": "/flow-runs?limit=200",
    "flow runs, failed": "/flow-runs?type=FAILED",
    "flow runs, late and failing": "/flow-runs?type=FAILED&type=CRASHED&type=SCHEDULED",
    "flow runs, of a state there is not": "/flow-runs?state=Suspended",
    "flow runs of a flow": "/flow-runs?flow=flow-49",
    "flow runs with a tag": "/flow-runs?tag=team-7&type=FAILED",
    "flow runs, searched in vain": "/flow-runs?search=zebra",
    "flow runs by name": "/flow-runs?name=brave-otter-1",
    "flow runs, longest": "/flow-runs?sort=-duration",
    "flow runs, by start": "/flow-runs?sort=-started&parent=none",
    "flow runs, counted": "/flow-runs/count",
    "flow runs, searched and counted": "/flow-runs/count?search=otter",
    "flow runs, a month's history": "/flow-runs/history?since={month}",
    "flow runs, a flow's history": "/flow-runs/history?since={month}&flow=flow-00",
    "flows": "/flows",
    "task runs": "/task-runs",
    "task runs, failed": "/task-runs?type=FAILED",
    "task runs, running": "/task-runs?type=RUNNING",
    "task runs, searched in vain": "/task-runs?search=zebra",
    "task runs of a run": "/flow-runs/{run}/task-runs",
    "task runs of a run, failed": "/flow-runs/{run}/task-runs?type=FAILED",
    "graph of a run": "/flow-runs/{run}/graph",
    "states of a run": "/flow-runs/{run}/states",
    "log of a run": "/flow-runs/{run}/logs",
    "events of a run": "/flow-runs/{run}/events",
    "events, newest": "/events?order=desc",
    "events of a kind there is not": "/events?kinds=nothing.*",
    "log lines, newest": "/logs",
    "log lines, errors, searched": "/logs?level=error&search=warehouse",
    "a flow run": "/flow-runs/{run}",
    "a task run": "/task-runs/{task}",
    "a run that is not there": "/flow-runs/nobody",
}
LISTS_EXPECTED_404 = {"a run that is not there"}


class Api:
    """One connection to the server, kept open; `pid` is the server's process."""

    def __init__(self, port: int, pid: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._threads = Path(f"/proc/{pid}/task")

    def processor(self) -> float:
        """Milliseconds of a processor that the server has taken so far; 0 where the system does not tell."""
        told = [thread / "schedstat" for thread in self._threads.iterdir()] if self._threads.exists() else []
        return sum(int(file.read_text().split()[0]) for file in told) / 1e6

    def get(self, path: str) -> tuple[int, bytes]:
        self._connection.request("GET", f"/api{path}")
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def json(self, path: str) -> Any:
        return json.loads(self.get(path)[1])


@contextmanager
def server(database: Path, home: Path) -> Iterator[Api]:
    """A server in a process of its own; making tables of a new form anew takes it minutes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    env = environment(home, SEGUE_DATABASE=str(database))
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=env)
    try:
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
            except OSError:
                time.sleep(0.1)
            else:
                break
        yield Api(port, process.pid)
    finally:
        process.terminate()
        process.wait()


def measure(api: Api, rounds: int) -> dict[str, dict[str, float]]:
    """Milliseconds of each list: median, 95 %, greatest, and the median of the server's processor.

    In turns, so that a busy moment of the machine meets all of them; the processor's time does not know of it.
    """
    largest = api.json("/task-runs?search=load-499&limit=1")
    while not largest["items"] and largest["next"]:
        largest = api.json(f"/task-runs?search=load-499&limit=1&cursor={largest['next']}")
    (task,) = largest["items"]
    month = quote(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 30 * 86_400)))
    paths = {name: path.format(run=task["flow_run_id"], task=task["id"], month=month) for name, path in LISTS.items()}
    times: dict[str, list[float]] = {name: [] for name in paths}
    taken_by_server: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, path in paths.items():
            before, began = api.processor(), time.perf_counter()
            status, body = api.get(path)
            times[name].append((time.perf_counter() - began) * 1000)
            taken_by_server[name].append(api.processor() - before)
            if status != (404 if name in LISTS_EXPECTED_404 else 200):
                sys.exit(f"{path} was answered by {status}: {body[:500]!r}")
    return {
        name: {
            "p50": round(statistics.median(taken), 2),
            "p95": round(sorted(taken)[int(len(taken) * 0.95)], 2),
            "max": round(max(taken), 2),
            "processor": round(statistics.median(taken_by_server[name]), 2),
        }
        for name, taken in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flow-runs", type=int, default=100_000)
    parser.add_argument("--task-runs", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--database", type=Path, help="A seeded database to use again; made if it is not there.")
    options = parser.parse_args()
    with fresh_home() as home:
        database = options.database or home / "segue.db"
        if not database.exists():
            asyncio.run(seed(database, options.flow_runs, options.task_runs, time.time_ns() // 1000))
        with server(database.absolute(), home) as api:
            figures = measure(api, options.rounds)
    for name, taken in figures.items():
        print(
            f"{name:<36} p50 {taken['p50']:>7.2f}  p95 {taken['p95']:>7.2f}  max {taken['max']:>7.2f}  "
            f"processor {taken['processor']:>6.2f} ms"
        )
    slowest = max(figures, key=lambda name: figures[name]["p95"])
    report(
        f"server: {options.flow_runs:,} flow runs and {options.task_runs:,} task runs; slowest list: {slowest}, "
        f"p95 {figures[slowest]['p95']:.1f} ms",
        {"benchmark": "server", "lists": figures},
    )


if __name__ == "__main__":
    main()
