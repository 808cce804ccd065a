"""One of several processes that write the same journal: `writer.py DATABASE NAME EVENTS SECONDS`.

It begins when a line comes on its standard input, writes at least so many events and for at least so many seconds, in
batches that it waits for, opens the journal anew every 2,000 events, and prints how many it wrote.
"""

import asyncio
import sys
from pathlib import Path

from segue_events import Bus, Event, SystemClock
from segue_events.journal.sqlite import SqliteJournal

OPENED_FOR, BATCH = 2_000, 25
CLOCK = SystemClock()


async def write(database: Path, name: str, events: int, seconds: float) -> int:
    written, ends = 0, CLOCK.monotonic() + seconds
    while written < events or CLOCK.monotonic() < ends:
        async with SqliteJournal(database) as journal, Bus(journal) as bus:
            for _ in range(OPENED_FOR // BATCH):
                for number in range(written, written + BATCH):
                    bus.publish(Event(kind="number.written", subject=name, payload={"number": number}))
                written += BATCH
                await bus.flushed()
    return written


if __name__ == "__main__":
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    total = asyncio.run(write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    sys.stdout.write(f"{total}\n")
