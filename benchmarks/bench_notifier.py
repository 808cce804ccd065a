"""How soon people hear of a failure, and what it costs the others that they do.

First: runs fail one after another; from the commit of each one's state to its receipt by a webhook on loopback, with
the notifier's process warm. Then: one flow awaits tasks while 10,000 runs a minute fail; meanwhile the notifier's
process is stopped and goes on by turns of half a second, so that a machine that grows slower does so for both. What
waits while it is stopped is done in its own turns, and counts there.
"""

import argparse
import asyncio
import bisect
import fcntl
import json
import os
import random
import signal
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from measure import environment, fresh_home, last_json, program, report

from segue.notify.lock import NotifierLock
from segue_notifiers.testing import Receiver

FAILURES_A_MINUTE = 10_000

# The first ones start the process and warm it.
COLD = 5

# Seconds of a turn, and those before the first one.
TURN = 0.5
WARMING = 3.0

# Tasks between two marks of the program.
MARK = 50

# Each failure by itself, as often as the receiver takes it; without a file, the built-in rule tells 20 a minute.
EACH = """\
targets:
  hook: {{url: "webhook+http://127.0.0.1:{port}/", rate: {{most: 100000, per: 60}}}}
rules:
  failures: {{on: {{kinds: flow-run.failed}}}}
"""


class Clocked(Receiver):
    """A receiver that knows by the wall clock when it got what."""

    def __init__(self) -> None:
        super().__init__()
        self.received_at: dict[str, float] = {}

    async def watch(self) -> None:
        """Note the instant of each arrival."""
        seen = 0
        while True:
            documents = await self.received(seen + 1)
            now = time.time()
            for document in documents[seen:]:
                self.received_at.setdefault(document["about"], now)
            seen = len(documents)


def told(home: Path, port: int, configuration: str = "") -> dict[str, str]:
    """The variables of a child whose failures the receiver is told of, by the built-in rule or as the file says."""
    allow = environment(home, SEGUE_NOTIFY_ALLOW_NETWORKS='["127.0.0.0/8"]')
    if not configuration:
        return {**allow, "SEGUE_NOTIFY_URLS": f'["webhook+http://127.0.0.1:{port}/"]'}
    file = home / "notifications.yaml"
    file.write_text(configuration.format(port=port))
    file.chmod(0o600)
    return allow


async def child(command: list[str], env: dict[str, str]) -> str:
    """What the program prints."""
    process = await asyncio.create_subprocess_exec(
        *command, env=env, stdout=asyncio.subprocess.PIPE, cwd=env["SEGUE_HOME"]
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} ended with exit code {process.returncode}; what it printed is above")
    return out.decode()


async def until_ended(home: Path) -> None:
    """Wait until the notifier's process has told all and is gone, so that the next measurement is alone."""

    def wait() -> None:
        with NotifierLock.open(home / "segue.db.notifier.lock") as lock:
            fcntl.flock(lock.fd, fcntl.LOCK_EX)
            # It has a last look, and would go on if it could take the lock again.
            time.sleep(1)

    await asyncio.to_thread(wait)


async def latency(n: int) -> dict[str, Any]:
    """From commit to receipt, in ms."""
    with fresh_home() as home:
        async with Clocked() as receiver:
            watching = asyncio.create_task(receiver.watch())
            printed = await child(program("segue_failures.py", "alone", n + COLD), told(home, receiver.port, EACH))
            await asyncio.wait_for(receiver.received(n + COLD), 60)
            await asyncio.sleep(0)
            watching.cancel()
            await until_ended(home)
    rows = [json.loads(line) for line in printed.splitlines()]
    took = sorted(1000 * (receiver.received_at[row["run"]] - row["committed"]) for row in rows[COLD:])
    return {"n": n, "p50_ms": took[n // 2], "p99_ms": took[min(n - 1, n * 99 // 100)], "max_ms": took[-1]}


def notifier_of(home: Path) -> int:
    """The notifier's process that tells of this home."""
    wanted = f"SEGUE_HOME={home}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = b"segue.notify" in (folder / "cmdline").read_bytes()
            if told and wanted in (folder / "environ").read_bytes().split(b"\0"):
                return int(folder.name)
        except OSError:
            continue
    sys.exit("No notifier has been started.")


async def turns(pid: int, seconds: float) -> list[tuple[bool, float, float]]:
    """Let the notifier go on and stop it by turns; return which turn was whose, from when to when."""
    done: list[tuple[bool, float, float]] = []
    until, tells = time.monotonic() + seconds, True
    try:
        while (began := time.monotonic()) < until:
            await asyncio.sleep(TURN)
            done.append((tells, began, time.monotonic()))
            tells = not tells
            os.kill(pid, signal.SIGCONT if tells else signal.SIGSTOP)
    finally:
        os.kill(pid, signal.SIGCONT)
    return done


def rate(marks: list[float], began: float, ended: float) -> float:
    """Tasks a second between two instants."""
    return MARK * (bisect.bisect(marks, ended) - bisect.bisect(marks, began)) / (ended - began)


async def among(seconds: float) -> dict[str, Any]:
    """Tasks a second while runs fail and people are told of it, and while nobody is: a pair for each two turns."""
    failures = round(FAILURES_A_MINUTE * seconds / 60)
    with fresh_home() as home:
        async with Receiver() as receiver:
            running = asyncio.create_task(
                child(program("segue_failures.py", "among", failures, seconds), told(home, receiver.port))
            )
            await asyncio.sleep(WARMING)
            taken = await turns(notifier_of(home), seconds - WARMING - 2 * TURN)
            marks = last_json(await running)["marks"]
            await until_ended(home)
            rates = [(tells, rate(marks, began, ended)) for tells, began, ended in taken]
            pairs = [(one, other) for (_, one), (_, other) in zip(rates[::2], rates[1::2], strict=False)]
            return {"pairs": pairs, "messages": len(receiver.requests)}


def cost_of(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The part of the rate that telling takes, between the bounds of 95 % of what chance would make of these pairs."""
    draw = random.Random(1)
    costs = sorted(_cost(draw.choices(pairs, k=len(pairs))) for _ in range(2_000))
    return _cost(pairs), costs[50], costs[-51]


def _cost(pairs: list[tuple[float, float]]) -> float:
    return 1 - sum(told for told, _ in pairs) / sum(untold for _, untold in pairs)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="failures whose way to the receiver is timed")
    parser.add_argument("--seconds", type=float, default=45, help="how long each measurement of the rate takes")
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    soon = await latency(options.n)
    print(f"  told after {soon['p50_ms']:.1f} ms (p50), {soon['p99_ms']:.1f} ms (p99) of {soon['n']}", flush=True)
    rows: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        row = await among(options.seconds)
        rows.append(row)
        told, untold = (statistics.mean(rates) for rates in zip(*row["pairs"], strict=True))
        print(f"  {untold:,.0f} tasks/s untold, {told:,.0f} told ({row['messages']} messages)", flush=True)
    cost, least, most = cost_of([pair for row in rows for pair in row["pairs"]])
    report(
        f"notifier: p99 {soon['p99_ms']:.0f} ms to the receipt; 10,000 failures a minute cost {cost:.1%} of the rate"
        f" ({least:.1%} to {most:.1%})",
        {
            "benchmark": "notifier",
            "latency": soon,
            "cost": [cost, least, most],
            "rows": rows,
            "processors": os.cpu_count(),
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
