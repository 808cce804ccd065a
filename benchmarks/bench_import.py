"""Time and memory of `from segue import flow, task` above a bare Python, each in a process of its own."""

import argparse
import statistics
import sys

from measure import environment, fresh_home, last_json, report, run

IMPORT = "from segue import flow, task"
MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"


def start(statement: str, env: dict[str, str]) -> tuple[float, int]:
    """Wall seconds and peak KiB of a Python that does nothing but the statement."""
    wall, out = run([sys.executable, "-c", f"{statement}; {MEMORY}"], env)
    return wall, int(last_json(out))


def measure(rounds: int) -> dict[str, float]:
    """Medians, bare and with the import taken in turns."""
    with fresh_home() as home:
        env = environment(home)
        start(IMPORT, env)
        pairs = [(start("pass", env), start(IMPORT, env)) for _ in range(rounds)]
    bare, loaded = ([pair[side] for pair in pairs] for side in (0, 1))
    return {
        "bare_seconds": statistics.median(wall for wall, _ in bare),
        "seconds": statistics.median(wall for wall, _ in loaded),
        "bare_mib": statistics.median(kib for _, kib in bare) / 1024,
        "mib": statistics.median(kib for _, kib in loaded) / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    figures = measure(parser.parse_args().rounds)
    above = figures["seconds"] - figures["bare_seconds"]
    report(
        f"import: {above * 1000:.0f} ms above bare Python's {figures['bare_seconds'] * 1000:.0f} ms, "
        f"{figures['mib']:.0f} MiB (bare {figures['bare_mib']:.0f} MiB)",
        {"benchmark": "import", **figures, "above_seconds": above},
    )


if __name__ == "__main__":
    main()
