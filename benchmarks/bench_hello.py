"""A cold process that runs one flow with one task and records everything, on a new database and on an old one."""

import argparse
import statistics
import sys

from measure import environment, fresh_home, program, report, run


def measure(rounds: int) -> dict[str, float]:
    """Medians of the whole process's wall time, and of a bare Python's beside it."""
    new, old, bare = [], [], []
    for _ in range(rounds):
        with fresh_home() as home:
            env = environment(home)
            bare.append(run([sys.executable, "-c", "pass"], env)[0])
            new.append(run(program("segue_hello.py"), env)[0])
            old.append(run(program("segue_hello.py"), env)[0])
    return {
        "new_database_seconds": statistics.median(new),
        "old_database_seconds": statistics.median(old),
        "bare_seconds": statistics.median(bare),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11)
    figures = measure(parser.parse_args().rounds)
    report(
        f"hello, cold, all recorded: {figures['new_database_seconds'] * 1000:.0f} ms on a new database, "
        f"{figures['old_database_seconds'] * 1000:.0f} ms on an old one; "
        f"bare Python {figures['bare_seconds'] * 1000:.0f} ms",
        {"benchmark": "hello", **figures},
    )


if __name__ == "__main__":
    main()
