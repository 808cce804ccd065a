"""A subscriber in a process of its own: `follower.py N` follows the journal in SEGUE_HOME by cursor.

It ends when N task runs and their flow run are completed. Prints `ready` once it listens, and at the end one JSON:
how many events came, whether any was missing or came twice, when the last one came (on the machine's monotonic clock,
which all processes share), and the time from an event to its arrival.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

from segue_events import Bus, Event, Filter, SqliteJournal


class Tally:
    """What the follower counts."""

    def __init__(self) -> None:
        self.seqs: list[int] = []
        self.tasks = 0
        self.flows = 0
        self.lateness: list[float] = []

    def add(self, batch: list[Event]) -> None:
        now = time.time_ns() // 1000
        self.lateness.extend((now - event.occurred) / 1000 for event in batch)
        self.seqs.extend(event.seq for event in batch)
        self.tasks += sum(event.kind == "task-run.completed" for event in batch)
        self.flows += sum(event.kind == "flow-run.completed" for event in batch)

    def figures(self, last: float) -> dict[str, float | bool]:
        cuts = statistics.quantiles(self.lateness, n=100)
        steps = {after - before for before, after in zip(self.seqs, self.seqs[1:], strict=False)}
        return {
            "events": len(self.seqs),
            "in_order_without_gaps": steps == {1},
            "last": last,
            "p50_ms": cuts[49],
            "p99_ms": cuts[98],
        }


async def follow(n: int) -> dict[str, float | bool]:
    journal = SqliteJournal(Path(os.environ["SEGUE_HOME"]) / "segue.db", read_only=True)
    tally = Tally()
    async with journal, Bus(journal) as bus, bus.subscribe(Filter()) as subscription:
        print("ready", flush=True)
        async for batch in subscription:
            tally.add(batch)
            if tally.tasks >= n and tally.flows:
                return tally.figures(time.monotonic())
    raise SystemExit("the journal's events ended before the tasks were done")


if __name__ == "__main__":
    print(json.dumps(asyncio.run(follow(int(sys.argv[1])))))
