"""A server: the time from `segue server start` until it answers, and what it costs while nobody asks anything."""

import argparse
import os
import statistics
import sys
import time
from pathlib import Path

from measure import environment, fresh_home, last_json, report, run

TICKS = os.sysconf("SC_CLK_TCK")


def segue(env: dict[str, str], *arguments: str) -> tuple[float, str]:
    """Wall seconds and output of a command."""
    return run([sys.executable, "-m", "segue", "server", *arguments], env)


def start(env: dict[str, str]) -> float:
    """Wall seconds of a command that returns when its server answers."""
    return segue(env, "start", "--background", "--port", "0")[0]


def used(pid: int) -> tuple[float, float]:
    """Seconds of processor time that a process has used, and the MiB that it has."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def starts(rounds: int) -> list[float]:
    """Wall seconds of starts upon a new database each."""
    walls: list[float] = []
    for _ in range(rounds):
        with fresh_home() as home:
            env = environment(home)
            walls.append(start(env))
            segue(env, "stop")
    return walls


def idle(seconds: float) -> tuple[float, float]:
    """The share of a processor that an idle server takes, in per cent, and its MiB."""
    with fresh_home() as home:
        env = environment(home)
        start(env)
        pid = last_status(env)
        # It makes its first steps, and then has nothing to do.
        time.sleep(5)
        before, _ = used(pid)
        time.sleep(seconds)
        after, mib = used(pid)
        segue(env, "stop")
    return (after - before) / seconds * 100, mib


def last_status(env: dict[str, str]) -> int:
    """The number of the server's process."""
    return int(last_json(segue(env, "status", "-o", "json")[1].replace("\n", ""))["pid"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    walls = starts(options.rounds)
    cpu, mib = idle(options.seconds)
    report(
        f"server: answers {statistics.median(walls):.2f} s after `segue server start` (best {min(walls):.2f}), "
        f"idle {mib:.0f} MiB and {cpu:.2f} % of a processor",
        {
            "benchmark": "idle_server",
            "seconds": statistics.median(walls),
            "best_seconds": min(walls),
            "idle_mib": mib,
            "idle_cpu_percent": cpu,
        },
    )


if __name__ == "__main__":
    main()
