"""What the benchmarks share: fresh homes, children that answer in JSON, medians, the two lines each of them prints."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PEERS = Path(__file__).parent / "peers"


@contextmanager
def fresh_home() -> Iterator[Path]:
    """A folder of its own for one measurement, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
        yield Path(folder)


def environment(home: Path, **more: str) -> dict[str, str]:
    """The variables of a child whose records go to `home`; settings of the caller's own segue do not leak into it.

    Nor does the wish to keep no bytecode: what is installed has some, and compiling all anew would be measured.
    """
    foreign = ("SEGUE_", "PREFECT_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "SEGUE_HOME": str(home), "SEGUE_BENCH_HOME": str(home), **more}


def run(command: Sequence[str], env: Mapping[str, str], timeout: float = 600) -> tuple[float, str]:
    """Run a command to its end; its wall time in seconds and what it printed. A failing command ends the benchmark."""
    began = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)
    wall = time.perf_counter() - began
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} ended with exit code {done.returncode}:\n{done.stderr[-4000:]}")
    return wall, done.stdout


def last_json(text: str) -> dict[str, Any]:
    """The JSON object on the last line of what a child printed."""
    return json.loads(text.strip().splitlines()[-1])


def program(name: str, *arguments: object, python: str = sys.executable) -> list[str]:
    """The command that runs one of the small programs in `peers/`."""
    return [python, str(PEERS / name), *map(str, arguments)]


def medians(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of rows with the same keys: the median of each number, and the first row's value of everything else."""
    first = rows[0]
    return {key: statistics.median(row[key] for row in rows) if is_number(first[key]) else first[key] for key in first}


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def report(line: str, figures: object) -> None:
    """Print the line for people, then the JSON for machines."""
    print(line)
    print(json.dumps(figures))
