"""The SQLite journal alone: events per second by the size of a commit, reading them, and their bytes on disk."""

import argparse
import asyncio
import time
from pathlib import Path
from typing import Any

from measure import fresh_home, medians, report
from task_events import TaskRuns, task_events

from segue_events import Event, SqliteJournal
from segue_events.event import seal

SIZES = (1, 10, 100, 1_000)


async def append(path: Path, events: list[Event], size: int, **options: Any) -> float:
    """Append the events in batches of this size; how many a second."""
    payloads = [seal(event) for event in events]
    async with SqliteJournal(path, **options) as journal:
        began = time.perf_counter()
        for start in range(0, len(events), size):
            await journal.append(events[start : start + size], payloads[start : start + size])
        return len(events) / (time.perf_counter() - began)


async def read(path: Path, count: int) -> float:
    """Read all events in pages; how many a second."""
    async with SqliteJournal(path, read_only=True) as journal:
        began = time.perf_counter()
        after = 0
        while page := await journal.read(after):
            after = page[-1].seq
        return count / (time.perf_counter() - began)


async def once(n: int) -> dict[str, float]:
    figures: dict[str, float] = {}
    with fresh_home() as home:
        for size in SIZES:
            events = task_events(min(n, size * 3_000))
            figures[f"events_per_second_{size}"] = await append(home / f"{size}.db", events, size)
        events = task_events(n)
        figures["projected_per_second"] = await append(home / "p.db", events, 1_000, projections=[TaskRuns()])
        figures["full_per_second"] = await append(home / "f.db", task_events(n), 1_000, synchronous="FULL")
        figures["read_per_second"] = await read(home / "1000.db", len(events))
        figures["bytes_per_event"] = (home / "1000.db").stat().st_size / len(events)
        figures["bytes_per_task_run"] = (home / "p.db").stat().st_size / (len(events) / 3)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures = medians([asyncio.run(once(options.n)) for _ in range(options.rounds)])
    rates = ", ".join(f"{figures[f'events_per_second_{size}']:,.0f}/s by {size:,}" for size in SIZES)
    report(
        f"journal: {rates}; with task rows {figures['projected_per_second']:,.0f}/s, FULL "
        f"{figures['full_per_second']:,.0f}/s, read {figures['read_per_second']:,.0f}/s; "
        f"{figures['bytes_per_event']:.0f} B an event, {figures['bytes_per_task_run']:.0f} B a task run",
        {"benchmark": "journal", **figures},
    )


if __name__ == "__main__":
    main()
