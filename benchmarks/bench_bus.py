"""The bus upon SQLite, with a row per task: alone, beside a busy thread, waited for at each step; and its latency."""

import argparse
import asyncio
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import fresh_home, medians, report
from task_events import TaskRuns, task_events

from segue_events import Bus, Event, SqliteJournal


@contextmanager
def busy_thread(wanted: bool) -> Iterator[None]:
    """A thread that keeps the interpreter busy with Python."""
    stop = threading.Event()

    def spin() -> None:
        while not stop.is_set():
            sum(range(1_000))

    thread = threading.Thread(target=spin)
    if wanted:
        thread.start()
    yield
    stop.set()
    if wanted:
        thread.join()


async def throughput(path: Path, n: int, *, busy: bool = False, subscribers: int = 0) -> dict[str, float]:
    """Publish from a thread until all is committed and delivered; µs per publish, and events a second."""
    events = task_events(n)
    journal = SqliteJournal(path, projections=[TaskRuns()])
    async with journal, Bus(journal) as bus:
        bus.publish_many(task_events(3))
        await bus.flushed()

        async def follow() -> None:
            seen = 0
            async with bus.subscribe() as subscription:
                async for batch in subscription:
                    seen += len(batch)
                    if seen == len(events):
                        return

        def publish() -> tuple[float, float]:
            began, began_cpu = time.perf_counter(), time.thread_time()
            for event in events:
                bus.publish(event)
            # What it costs the publisher, not what the writer takes from it meanwhile.
            published = time.thread_time() - began_cpu
            bus.flush().result()
            return published, time.perf_counter() - began

        followers = [asyncio.create_task(follow()) for _ in range(subscribers)]
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        with busy_thread(busy):
            publishing, committing = await asyncio.to_thread(publish)
            await asyncio.gather(*followers)
        delivered = time.perf_counter() - began
    return {
        "publish_us": publishing / len(events) * 1e6,
        "committed": len(events) / committing,
        "delivered": len(events) / delivered,
    }


async def strictly(path: Path, n: int) -> float:
    """Publish in a thread, wait for each event to be committed; how many a second."""
    async with SqliteJournal(path) as journal, Bus(journal) as bus:

        def publish() -> float:
            began = time.perf_counter()
            for _ in range(n):
                bus.publish(Event(kind="step.done", payload={"x": 1}))
                bus.flush().result()
            return n / (time.perf_counter() - began)

        return await asyncio.to_thread(publish)


async def latency(path: Path, rate: float, n: int, size: int = 1) -> dict[str, float]:
    """Publish `size` events at a time, `rate` times a second; ms until a subscriber has them."""
    late: list[float] = []
    async with SqliteJournal(path) as journal, Bus(journal) as bus, bus.subscribe() as subscription:

        async def follow() -> None:
            async for batch in subscription:
                now = time.perf_counter_ns()
                late.extend((now - event.payload["at"]) / 1e6 for event in batch)
                if len(late) >= n * size:
                    return

        follower = asyncio.create_task(follow())
        began = time.perf_counter()
        for k in range(n):
            await asyncio.sleep(max(0.0, began + k / rate - time.perf_counter()))
            bus.publish_many([Event(kind="step.done", payload={"at": time.perf_counter_ns()}) for _ in range(size)])
        await follower
    cuts = statistics.quantiles(late, n=100)
    return {"p50_ms": cuts[49], "p99_ms": cuts[98]}


async def once(n: int) -> dict[str, float]:
    with fresh_home() as home:
        alone = await throughput(home / "alone.db", n)
        busy = await throughput(home / "busy.db", n, busy=True)
        told = await throughput(home / "told.db", n, subscribers=10)
        idle = await latency(home / "idle.db", 100, 100)
        steady = await latency(home / "steady.db", 900, 900, 10)
        return {
            "publish_us": alone["publish_us"],
            "alone_per_second": alone["committed"],
            "busy_per_second": busy["committed"],
            "ten_subscribers_per_second": told["delivered"],
            "strict_per_second": await strictly(home / "strict.db", 1_000),
            "idle_p50_ms": idle["p50_ms"],
            "idle_p99_ms": idle["p99_ms"],
            "steady_p50_ms": steady["p50_ms"],
            "steady_p99_ms": steady["p99_ms"],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    figures = medians([asyncio.run(once(options.n)) for _ in range(options.rounds)])
    report(
        f"bus: publish {figures['publish_us']:.1f} µs; {figures['alone_per_second']:,.0f} events/s, beside a busy "
        f"thread {figures['busy_per_second']:,.0f}/s, told to ten {figures['ten_subscribers_per_second']:,.0f}/s, "
        f"each waited for {figures['strict_per_second']:,.0f}/s; delivered in {figures['idle_p50_ms']:.1f} ms "
        f"(p99 {figures['idle_p99_ms']:.1f}), at 9,000/s in {figures['steady_p50_ms']:.1f} ms "
        f"(p99 {figures['steady_p99_ms']:.1f})",
        {"benchmark": "bus", **figures},
    )


if __name__ == "__main__":
    main()
