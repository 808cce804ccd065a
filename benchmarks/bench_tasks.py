"""Trivial tasks in one flow, three events each, committed and delivered to a subscriber in another process.

Async tasks awaited in sequence, by gather, by submit and by map, and plain ones called from a plain flow; 1,000,
10,000 and 100,000 of them.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from measure import environment, fresh_home, last_json, medians, program, report, run

MODES = ("sequential", "gather", "submit", "map", "plain")


def once(n: int, mode: str, *, followed: bool = True) -> dict[str, Any]:
    """One measurement in a fresh home: a first small run makes the database, the follower listens, the tasks run."""
    with fresh_home() as home:
        env = environment(home)
        run(program("segue_hello.py"), env)
        if not followed:
            return last_json(run(program("segue_tasks.py", n, mode), env)[1])
        follower = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "follower.py"), str(n)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
        )
        if follower.stdout is None or follower.stdout.readline() != "ready\n":
            sys.exit("the follower did not start; what it printed is above")
        figures = last_json(run(program("segue_tasks.py", n, mode), env)[1])
        seen = last_json(follower.communicate(timeout=60)[0])
    return {
        **figures,
        "delivered_after": seen["last"] - figures["ended"],
        "events": seen["events"],
        "in_order_without_gaps": seen["in_order_without_gaps"],
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
    }


def line(row: dict[str, Any]) -> str:
    """One measurement in words; the rate is that of tasks done, recorded and, with a subscriber, delivered."""
    after = row.get("delivered_after", row["recorded_after"])
    parts = [
        f"{row['inside'] / row['n'] * 1e6:.0f} µs a task inside",
        f"{row['processor_seconds'] / row['n'] * 1e6:.0f} µs of CPU",
        f"all recorded + {row['recorded_after'] * 1000:.0f} ms",
        f"memory + {row['memory_kib'] / 1024:.0f} MiB",
    ]
    if "delivered_after" in row:
        parts.append(f"delivered + {after * 1000:.0f} ms (p50 {row['p50_ms']:.1f} ms, p99 {row['p99_ms']:.1f} ms)")
    return f"{row['mode']:>10} {row['n']:>7,}: {row['n'] / (row['inside'] + after):>7,.0f}/s; {'; '.join(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without the subscriber in another process")
    options = parser.parse_args()
    rows = []
    for n in options.n:
        for mode in options.modes:
            rows.append(medians([once(n, mode, followed=not options.alone) for _ in range(options.rounds)]))
            print(line(rows[-1]), flush=True)
    slowest = min(rows, key=lambda row: row["n"] / row["inside"])
    rate = slowest["n"] / slowest["inside"]
    report(
        f"tasks: {len(rows)} kinds, the slowest is {slowest['mode']} of {slowest['n']:,} with {rate:,.0f}/s",
        {"benchmark": "tasks", "rows": rows},
    )


if __name__ == "__main__":
    main()
