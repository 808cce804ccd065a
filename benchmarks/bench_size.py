"""Bytes of database that one task run takes: three events and a row."""

import argparse

from measure import environment, fresh_home, last_json, program, report, run


def measure(n: int) -> float:
    """Growth of the database per task run, over n of them in one flow."""
    with fresh_home() as home:
        env = environment(home)
        run(program("segue_hello.py"), env)
        return last_json(run(program("segue_tasks.py", n, "sequential"), env)[1])["bytes_per_task"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=10_000)
    n = parser.parse_args().n
    size = measure(n)
    report(f"size: {size:.0f} bytes of database per task run", {"benchmark": "size", "n": n, "bytes_per_task": size})


if __name__ == "__main__":
    main()
