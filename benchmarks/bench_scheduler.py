"""The scheduler: the processor time that thousands of schedules take, and how late their runs are asked for."""

import argparse
import asyncio
import statistics
import time
from contextlib import suppress
from pathlib import Path

from measure import fresh_home, report

from segue import work_events
from segue.records.work import Deployment, Schedule, WorkPool
from segue.services.scheduler import Scheduler
from segue.services.service import attend
from segue.states import instant
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, SqliteJournal, SystemClock, new_id

CLOCK = SystemClock()
HOUR = 3600.0
# Seconds until the first instant: by then all is read in.
LEAD = 12.0


def deployment(number: int, schedule: Schedule) -> Deployment:
    """A deployment with a schedule, as it is kept."""
    now = CLOCK.now_us()
    return Deployment(
        id=new_id(), name=f"d{number}", flow_name="bench", entrypoint="bench.py:bench", pool="bench",
        schedules=(schedule,), created=now, updated=now,
    )  # fmt: skip


def spread(count: int, after: float) -> list[Deployment]:
    """Deployments that run once an hour each, one after the other."""
    start = CLOCK.now_us() + round(after * 1e6)
    anchors = [start + round(number * HOUR * 1e6 / count) for number in range(count)]
    return [deployment(number, Schedule(id="s", interval=HOUR, anchor=at)) for number, at in enumerate(anchors)]


def herd(count: int, after: float) -> list[Deployment]:
    """Deployments that all run at the same instant."""
    at = CLOCK.now_us() + round(after * 1e6)
    return [deployment(number, Schedule(id="s", interval=HOUR, anchor=at)) for number in range(count)]


async def measured(folder: Path, deployments: list[Deployment], seconds: float) -> tuple[float, float, list[float]]:
    """Seconds that all is read in, per cent of a processor from the first instant on, and how late each run was."""
    first = min(one.schedules[0].anchor or 0 for one in deployments)
    async with SqliteJournal(folder / "segue.db", projections=projections()) as journal, Bus(journal) as bus:
        work = LocalWork(journal, bus, CLOCK)
        await work.save_pool(WorkPool(name="bench"))
        bus.publish_many([work_events.deployment_saved(one, one.updated) for one in deployments])
        await bus.flushed()
        scheduler = Scheduler(work, journal, bus, CLOCK)
        began = time.perf_counter()
        await scheduler.step(CLOCK.now_us())
        loaded = time.perf_counter() - began
        task = asyncio.create_task(attend([scheduler], CLOCK, lambda *_: None))
        await CLOCK.sleep_until(instant(first - 100_000))
        wall, used = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        share = (time.process_time() - used) / (time.perf_counter() - wall) * 100
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        rows = await journal.query("SELECT w.due, r.created FROM work_item AS w JOIN flow_run AS r ON r.id = w.run")
    return loaded, share, sorted((created - due) / 1e3 for due, created in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deployments", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--herd", type=int, default=500)
    options = parser.parse_args()
    with fresh_home() as home:
        loaded, share, late = asyncio.run(measured(home, spread(options.deployments, LEAD), options.seconds))
    with fresh_home() as home:
        _, _, crowd = asyncio.run(measured(home, herd(options.herd, LEAD), 8))
    p99, last = late[int(len(late) * 0.99)], crowd[-1]
    report(
        f"scheduler: {options.deployments} schedules read in {loaded:.2f} s, {share:.2f} % of a processor, "
        f"{len(late)} runs {statistics.median(late):.1f} ms late (p99 {p99:.1f}); "
        f"of {len(crowd)} at one instant the last {last:.0f} ms",
        {
            "benchmark": "scheduler",
            "deployments": options.deployments,
            "load_seconds": loaded,
            "cpu_percent": share,
            "runs": len(late),
            "late_ms_p50": statistics.median(late),
            "late_ms_p99": p99,
            "herd": len(crowd),
            "herd_last_ms": last,
        },
    )


if __name__ == "__main__":
    main()
