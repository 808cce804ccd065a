"""How soon people hear of a failure, and what it costs the others that they do.

First: runs fail one after another; from the commit of each one's state to its receipt by a webhook on loopback, with
the notifier's process warm. Then: one flow awaits tasks while 10,000 runs a minute fail, with and without anybody
being told of them.
"""

import argparse
import asyncio
import fcntl
import json
import os
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


async def rate(seconds: float, *, somebody: bool) -> dict[str, Any]:
    """Tasks a second while runs fail, and the messages that came of it."""
    failures = round(FAILURES_A_MINUTE * seconds / 60)
    with fresh_home() as home:
        async with Receiver() as receiver:
            env = told(home, receiver.port) if somebody else environment(home)
            figures = last_json(await child(program("segue_failures.py", "among", failures, seconds), env))
            if somebody:
                await until_ended(home)
            return {**figures, "rate": figures["tasks"] / figures["inside"], "messages": len(receiver.requests)}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=200, help="failures whose way to the receiver is timed")
    parser.add_argument("--seconds", type=float, default=20, help="how long each measurement of the rate takes")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    soon = await latency(options.n)
    print(f"  told after {soon['p50_ms']:.1f} ms (p50), {soon['p99_ms']:.1f} ms (p99) of {soon['n']}", flush=True)
    rows: list[dict[str, Any]] = []
    for _ in range(options.rounds):
        # By turns, so that a machine that grows slower does so for both.
        nobody, us = await rate(options.seconds, somebody=False), await rate(options.seconds, somebody=True)
        rows.append({"untold": nobody["rate"], "told": us["rate"], "messages": us["messages"]})
        print(f"  {nobody['rate']:,.0f} tasks/s untold, {us['rate']:,.0f} told ({us['messages']} messages)", flush=True)
    cost = 1 - statistics.median(row["told"] / row["untold"] for row in rows)
    report(
        f"notifier: p99 {soon['p99_ms']:.0f} ms to the receipt; 10,000 failures a minute cost {cost:.1%} of the rate",
        {"benchmark": "notifier", "latency": soon, "cost": cost, "rows": rows, "processors": os.cpu_count()},
    )


if __name__ == "__main__":
    asyncio.run(main())
