"""Processes that contend for slots of the limit `db`: `contender.py LEDGER PROCESSES TIMES`, or `contender.py stays`.

Each takes a slot so many times, and writes to the ledger that it is in, and that it is out again; nobody leaves before
three have been in. One that stays takes it in a flow run, says the run's id, and is in until it is killed.
"""

import os
import sys
from pathlib import Path

# What each process needs is imported before it is forked.
import segue.local_backend
import segue.work.local  # noqa: F401
from segue import flow
from segue.concurrency.sync import concurrency
from segue.host import close_hosts
from segue.runtime import flow_run


def contend(ledger: Path, times: int) -> None:
    """Be one of many."""
    file = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for _ in range(times):
        with concurrency("db"):
            os.write(file, b"in\n")
            while ledger.read_text().count("in") < 3:
                os.sched_yield()
            os.write(file, b"out\n")
    close_hosts()


@flow
def stay() -> None:
    """Hold a slot for ever."""
    with concurrency("db"):
        sys.stdout.write(f"{flow_run.id}\n")
        sys.stdout.flush()
        sys.stdin.readline()


def main(ledger: str, processes: str, times: str) -> None:
    """Fork the contenders; fail if one of them does."""
    children: list[int] = []
    for _ in range(int(processes)):
        child = os.fork()
        if child == 0:
            contend(Path(ledger), int(times))
            os._exit(0)
        children.append(child)
    sys.exit(sum(os.waitpid(child, 0)[1] for child in children) > 0)


if __name__ == "__main__":
    stay() if sys.argv[1] == "stays" else main(*sys.argv[1:])
