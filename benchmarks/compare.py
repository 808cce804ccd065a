"""The same work on segue, on Prefect with its server, and on DBOS, in turns, several rounds: medians and ratios.

The peers live in environments of their own, named by --prefect and --dbos or by SEGUE_BENCH_PREFECT and
SEGUE_BENCH_DBOS (a virtual environment's folder); one that is not there is left out with a line. Everything listens on
127.0.0.1, telemetry is off, and nothing outlives the run. The comments say how each peer is set up to do its best.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from measure import environment, fresh_home, last_json, medians, program, report, run

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_TELEMETRY_ENABLE_RESOURCE_METRICS": "false",
}
# Prefect records task runs one by one by default; these let its recorder keep up: the rounds show it at its best.
TUNED = {
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "0.5",
}


@dataclass(frozen=True)
class Side:
    """One of the compared: its name, the Python it is installed in, and the variables its programs get."""

    name: str
    python: str
    env: dict[str, str]
    import_statement: str

    def program(self, work: str, *arguments: object) -> tuple[float, str]:
        return run(program(f"{self.name}_{work}.py", *arguments, python=self.python), self.env)


@dataclass(frozen=True)
class Work:
    """Something the sides do: its name, how one of them does it once (seconds and counts), who can, how often."""

    name: str
    once: Callable[[Side], dict[str, float]]
    sides: Sequence[str] = ("segue", "prefect", "dbos")
    rounds: int | None = None
    rows: dict[str, list[dict[str, float]]] = field(default_factory=dict)

    def medians(self) -> dict[str, dict[str, float]]:
        return {side: medians(rows) for side, rows in self.rows.items()}


def importing(side: Side) -> dict[str, float]:
    return {"seconds": run([side.python, "-c", side.import_statement], side.env)[0]}


def hello(side: Side) -> dict[str, float]:
    return {"seconds": side.program("hello")[0]}


def tasks(n: int, mode: str) -> Callable[[Side], dict[str, float]]:
    def once(side: Side) -> dict[str, float]:
        figures = last_json(side.program("tasks", n, mode)[1])
        return {
            "seconds": figures["inside"],
            "until_recorded": figures["inside"] + figures["recorded_after"],
            "recorded_at_return": figures["recorded_at_return"],
            "recorded": figures["recorded"],
            "bytes_per_task": figures["bytes_per_task"],
        }

    return once


def flows(n: int, at_once: int) -> Callable[[Side], dict[str, float]]:
    def once(side: Side) -> dict[str, float]:
        figures = last_json(side.program("flows", n, at_once)[1])
        return {"seconds": figures["seconds"], "failed": figures["failed"]}

    return once


def works(n: int, *, crowd: bool) -> list[Work]:
    """What is compared; Prefect takes minutes for 200 flow runs at once, so that is asked for by name."""
    listed = [
        Work("import", importing),
        Work("hello, cold", hello),
        Work(f"{n:,} async tasks in sequence", tasks(n, "sequential")),
        Work(f"{n:,} async tasks gathered", tasks(n, "gather")),
        Work(f"{n:,} plain tasks in a plain flow", tasks(n, "plain")),
        Work(f"{n // 10:,} async tasks mapped", tasks(n // 10, "map"), ("segue", "prefect"), rounds=1),
        Work("50 flow runs, ten at a time", flows(50, 10), rounds=1),
    ]
    return [*listed, Work("200 flow runs at once", flows(200, 200), rounds=1)] if crowd else listed


def interpreter(place: str | None) -> str | None:
    """The Python of a virtual environment, if it is there."""
    python = Path(place or "") / "bin" / "python"
    return str(python) if place and python.exists() else None


@contextmanager
def prefect_side(python: str, settings: dict[str, str]) -> Iterator[Side]:
    """Prefect with a server of its own on loopback and a new SQLite database."""
    with fresh_home() as home, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        # Its log lines cost Prefect time and are no part of the work.
        more = {"PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "ERROR", "PREFECT_SERVER_UI_ENABLED": "false"}
        env = environment(home, **QUIET, **more)
        server = subprocess.Popen(
            [python, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            env={**env, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_until_healthy(f"http://127.0.0.1:{port}/api/health", server)
            env["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
            yield Side("prefect", python, env, "from prefect import flow, task")
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=30)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], patience: float = 90) -> None:
    began = time.monotonic()
    while time.monotonic() - began < patience and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    sys.exit(f"Prefect's server did not answer at {url} within {patience:.0f} s")


def in_turns(listed: Sequence[Work], sides: Sequence[Side], rounds: int) -> None:
    """Each round does each work on each side, one after the other, so that a noisy minute hits all of them."""
    for number in range(rounds):
        for work in listed:
            if number < (work.rounds or rounds):
                for side in sides:
                    if side.name in work.sides:
                        work.rows.setdefault(side.name, []).append(work.once(side))
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)


def cell(name: str, seconds: float, ours: float) -> str:
    return f"{name} {seconds:.3f} s" + ("" if name == "segue" else f" ({seconds / ours:.1f} times)")


def table(listed: Sequence[Work]) -> str:
    """One line for each work: seconds of each side, and how many times segue's that is."""
    lines = []
    for work in listed:
        figures = work.medians()
        ours = figures["segue"]
        for key, what in (("seconds", work.name), ("until_recorded", "… until all are recorded")):
            if key in ours:
                cells = [cell(name, row[key], ours[key]) for name, row in figures.items()]
                lines.append(f"{what:<34} {'   '.join(cells)}")
        failed = [f"{name} {row['failed']:.0f}" for name, row in figures.items() if row.get("failed")]
        if failed:
            lines.append(f"{'… failed':<34} {'   '.join(failed)}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--prefect", default=os.environ.get("SEGUE_BENCH_PREFECT"), help="folder of Prefect's environment"
    )
    parser.add_argument("--dbos", default=os.environ.get("SEGUE_BENCH_DBOS"), help="folder of DBOS's environment")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--n", type=int, default=1_000, help="tasks in a flow")
    parser.add_argument("--crowd", action="store_true", help="200 flow runs at once too: Prefect takes 2.5 minutes")
    options = parser.parse_args()
    listed = works(options.n, crowd=options.crowd)
    prefect, dbos = interpreter(options.prefect), interpreter(options.dbos)
    with ExitStack() as stack:
        home = stack.enter_context(fresh_home())
        sides = [Side("segue", sys.executable, environment(home), "from segue import flow, task")]
        if prefect:
            sides.append(stack.enter_context(prefect_side(prefect, TUNED)))
        else:
            print("Prefect is left out: no environment at --prefect or SEGUE_BENCH_PREFECT")
        if dbos:
            sides.append(Side("dbos", dbos, environment(home, **QUIET), "from dbos import DBOS"))
        else:
            print("DBOS is left out: no environment at --dbos or SEGUE_BENCH_DBOS")
        in_turns(listed, sides, options.rounds)
    figures: dict[str, Any] = {work.name: work.medians() for work in listed}
    print(table(listed))
    if prefect:
        with prefect_side(prefect, {}) as side:
            untuned = tasks(options.n, "sequential")(side)
        figures["prefect's recorder as it comes"] = untuned
        print(f"Prefect's recorder as it comes: {json.dumps(untuned)}")
    report(f"compared: {len(listed)} works, {options.rounds} rounds, {', '.join(side.name for side in sides)}", figures)


if __name__ == "__main__":
    main()
