"""Flow runs at once in one process, each with one task."""

import argparse

from measure import environment, fresh_home, last_json, medians, program, report, run


def once(n: int) -> dict[str, float]:
    with fresh_home() as home:
        env = environment(home)
        run(program("segue_hello.py"), env)
        return last_json(run(program("segue_flows.py", n), env)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    rows = [once(options.n) for _ in range(options.rounds)]
    figures = {**medians(rows), "failed": max(row["failed"] for row in rows)}
    rate = options.n / figures["seconds"]
    report(
        f"flows: {options.n} at once in {figures['seconds']:.3f} s ({rate:,.0f}/s), {figures['failed']} failed",
        {"benchmark": "flows", **figures},
    )


if __name__ == "__main__":
    main()
