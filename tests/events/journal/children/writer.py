"""Appends to a journal that others write too: `writer.py DATABASE NAME BATCHES SIZE`; prints each head."""

import asyncio
import sys

from segue_events import SqliteJournal
from segue_events.testing import Tally, numbers


async def write(path: str, name: str, batches: int, size: int) -> None:
    async with SqliteJournal(path, projections=[Tally()]) as journal:
        sys.stdin.readline()
        for batch in range(batches):
            head = await journal.append(numbers(size, subject=name, first=batch * size))
            sys.stdout.write(f"{head}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
