"""The API and 10,000 requests that its OpenAPI document gives rise to: none is answered by a 500, none never.

The server is a process of its own, with a few runs in it whose names are what the requests like to ask for. Besides,
each answer has to be one that the document tells of. What schemathesis found is printed; the exit status is its own.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2
from bench_ingest import served
from measure import fresh_home, report

from segue.server.keys import KeysFile

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
# Nobody waits thirty seconds for a thousand polls; and a query that is too long is refused before it is read.
CONFIGURATION = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 422, 428, 429, 431]

[[operations]]
include-path = "/api/events/stream"
parameters = { "query.wait" = 0 }

[[operations]]
include-path = "/api/flow-runs/{flow_run}"
include-method = "DELETE"
parameters = { "flow_run" = "deleted" }
"""
NAMES = ("0", "a", "n", "deleted")


def seed(url: str, headers: dict[str, str]) -> None:
    """Record a few runs, which requests that are made up can find by their names."""
    events = [
        {"kind": kind, "run": f"run-{name}", "subject": subject, "payload": payload}
        for name in NAMES
        for kind, subject, payload in (
            ("flow-run.pending", f"run-{name}", {"flow": name, "name": name}),
            ("task-run.pending", f"task-{name}", {"task": name, "name": name}),
            ("log.written", f"run-{name}", {"level": 20, "logger": "fuzz", "message": name}),
        )
    ]
    httpx2.post(f"{url}/events/in", json={"events": events}, headers=headers).raise_for_status()


def fuzz(url: str, headers: dict[str, str], folder: Path, arguments: list[str]) -> tuple[int, str]:
    """Have schemathesis ask; its exit status and what it said."""
    config = folder / "schemathesis.toml"
    config.write_text(CONFIGURATION)
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run", f"{url}/openapi.json"]
    command += [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing", "--request-timeout", "10"]
    command += ["--generation-database", "none", *arguments]
    done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=250, help="how many of each operation, besides the borders")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with fresh_home() as home, served(home / "server") as url:
        key = KeysFile(home / "server" / "segue.db").create("fuzz", "admin", now=0, expires=None)
        headers = {"Authorization": f"Bearer {key}"}
        seed(url, headers)
        began = time.perf_counter()
        arguments = ["--max-examples", str(options.examples), "--seed", str(options.seed)]
        status, said = fuzz(url, headers, home, arguments)
        seconds = time.perf_counter() - began
        health = httpx2.get(f"{url}/health").status_code
    found = re.search(r"(\d+) generated", said)
    cases = int(found[1]) if found else 0
    if status:
        print(said)
    outcome = "problems, see above" if status else "no problem"
    report(
        f"schemathesis: {cases:,} requests in {seconds:.0f} s, {outcome}",
        {"requests": cases, "seconds": round(seconds), "exit": status, "health_afterwards": health},
    )
    sys.exit(status)


if __name__ == "__main__":
    main()
