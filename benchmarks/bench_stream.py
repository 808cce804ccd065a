"""The stream between two processes: how many events reach 1, 10 and 100 clients, and how long one event takes.

An event is published to a bus, committed to an SQLite journal, sent over a websocket and received by another process;
only then does it count. A bare client takes frames off the websocket, a reader makes events of them.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from typing import Any

from measure import fresh_home, report
from websockets.asyncio.client import connect

from segue_events import Bus, Event
from segue_events.journal.sqlite import SqliteJournal
from segue_events.stream import Reader, serve, wire

LAST = "bench.last"
PAYLOAD = {"task": "fetch", "name": "fetch-0", "input": "0123456789abcdefghijkl", "state": "COMPLETED", "ordinal": 7}

# ------------------------------------------------------------------------------------------- the other process


async def bare_client(url: str, ready: asyncio.Semaphore) -> list[int]:
    async with connect(url, compression=None, max_size=None) as connection:
        await connection.send(wire.encode(wire.Hello(after="now")), text=True)
        await connection.recv(decode=False)
        ready.release()
        while LAST.encode() not in await connection.recv(decode=False):
            pass
    return []


async def reader_client(url: str, ready: asyncio.Semaphore) -> list[int]:
    """Read to the last event; the latency of each that says when it was published, in ns."""
    latencies: list[int] = []
    async with Reader(url, after="now") as reader:
        await reader.connect()
        ready.release()
        async for batch in reader:
            now = time.monotonic_ns()
            latencies += [now - event.payload["at"] for event in batch if "at" in event.payload]
            if batch[-1].kind == LAST:
                break
    return latencies


async def be_clients(url: str, count: int, kind: str) -> None:
    """Run this many clients, say when all are there, and print what they measured."""
    ready = asyncio.Semaphore(0)
    client = bare_client if kind == "bare" else reader_client
    async with asyncio.TaskGroup() as group:
        clients = [group.create_task(client(url, ready)) for _ in range(count)]
        for _ in range(count):
            await ready.acquire()
        print("ready", flush=True)
    ended = time.monotonic_ns()
    print(json.dumps({"ended": ended, "latencies": [ns for task in clients for ns in task.result()]}))


# ---------------------------------------------------------------------------------------------- this process


async def start_clients(url: str, count: int, kind: str) -> Process:
    command = [sys.executable, __file__, "--url", url, "--clients", str(count), "--kind", kind]
    child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, limit=2**26, env=dict(os.environ))
    assert child.stdout is not None
    await child.stdout.readline()
    return child


async def answer(child: Process) -> dict[str, Any]:
    assert child.stdout is not None
    said = json.loads(await child.stdout.readline())
    await child.wait()
    return said


async def throughput(clients: int, events: int, kind: str) -> float:
    """Events per second, from the first publish until each client has the last."""
    with fresh_home() as home:
        async with SqliteJournal(home / "bench.db") as journal, Bus(journal) as bus, serve(bus) as server:
            child = await start_clients(server.url, clients, kind)
            began = time.monotonic_ns()
            flushing = bus.flush()
            for number in range(events):
                bus.publish(Event(kind="task-run.completed", run="r", subject="s", payload=PAYLOAD))
                if number % 1000 == 0:  # one such slice is committed while the next is published
                    await asyncio.wrap_future(flushing)
                    flushing = bus.flush()
            bus.publish(Event(kind=LAST))
            ended = (await answer(child))["ended"]
            return events / (ended - began) * 1e9


async def latency(rate: int, seconds: float) -> dict[str, float]:
    """Milliseconds from publish to received at this rate of events per second."""
    with fresh_home() as home:
        async with SqliteJournal(home / "bench.db") as journal, Bus(journal) as bus, serve(bus) as server:
            child = await start_clients(server.url, 1, "reader")
            began, published = time.monotonic(), 0
            while (passed := time.monotonic() - began) < seconds:
                while published < passed * rate:
                    at = time.monotonic_ns()
                    bus.publish(Event(kind="task-run.running", run="r", subject="s", payload={**PAYLOAD, "at": at}))
                    published += 1
                await asyncio.sleep(0.0005)
            bus.publish(Event(kind=LAST))
            found = [ns / 1e6 for ns in (await answer(child))["latencies"]]
    cuts = statistics.quantiles(found, n=100)
    return {"events_per_s": round(published / seconds), "p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2)}


async def measure(scale: float) -> None:
    figures: dict[str, Any] = {}
    for clients, events, kind in (
        (1, 100_000, "bare"),
        (10, 60_000, "bare"),
        (100, 20_000, "bare"),
        (1, 100_000, "reader"),
    ):
        figures[f"{clients}_{kind}_events_per_s"] = round(await throughput(clients, int(events * scale), kind))
    for rate in (1_000, 9_000):
        figures[f"latency_{rate}"] = await latency(rate, 4 * scale)
    slow, fast = figures["latency_1000"], figures["latency_9000"]
    one, ten, hundred = (figures[f"{clients}_bare_events_per_s"] for clients in (1, 10, 100))
    report(
        f"stream: {one:,} events/s to 1 client, {ten:,} to each of 10, {hundred:,} to each of 100, "
        f"{figures['1_reader_events_per_s']:,} to a reader; "
        f"latency p50/p99 {slow['p50_ms']}/{slow['p99_ms']} ms at {slow['events_per_s']:,}/s, "
        f"{fast['p50_ms']}/{fast['p99_ms']} ms at {fast['events_per_s']:,}/s",
        figures,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="the amount of work, 1 being the usual")
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--kind", default="bare", help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(be_clients(given.url, given.clients, given.kind) if given.url else measure(given.scale))


if __name__ == "__main__":
    main()
