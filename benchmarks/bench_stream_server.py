"""The server's stream: how soon a websocket has what another process commits, alone, in a crowd, beside lazy clients.

Four processes: the server, one that commits events to its database, one that is the crowd, and this one, which measures
by a reader of its own. A latency is from the publish in one process, before its commit, to the receipt in another.
"""

import argparse
import asyncio
import os
import statistics
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any

import httpx2
from bench_ingest import Counting, served, stream_of
from measure import environment, fresh_home, report

from segue.tables import projections
from segue_events import Bus, Event, Filter, SqliteJournal
from segue_events.stream import Reader

LAST = "bench.last"
PAYLOAD = {"task": "fetch", "name": "fetch-0", "input": "0123456789abcdefghijkl"}


async def publish(rate: int, seconds: float) -> None:
    """Be the process that commits so many events in a second, and at last one that says it was the last."""
    journal = SqliteJournal(Path(os.environ["SEGUE_HOME"]) / "segue.db", projections=projections())
    async with journal, Bus(journal) as bus:
        began, published = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while published < passed * rate:
                bus.publish(Event(kind="bench.event", run="r", payload={**PAYLOAD, "at": time.monotonic_ns()}))
                published += 1
            await asyncio.sleep(0.0005)
        bus.publish(Event(kind=LAST, payload={"at": time.monotonic_ns()}))
        await bus.flushed()


async def be_crowd(port: int, clients: int) -> None:
    """Be so many subscribers, say when all are there, and again when all have the last event."""
    loop, crowd = asyncio.get_running_loop(), list[Counting]()
    for _ in range(clients):
        _, client = await loop.create_connection(lambda: Counting(port), "127.0.0.1", port)
        crowd.append(client)
    await asyncio.gather(*(client.greeted.wait() for client in crowd))
    print("ready", flush=True)
    await asyncio.gather(*(client.over.wait() for client in crowd))
    print(sum(client.bytes for client in crowd), flush=True)


async def child(home: Path, *arguments: object) -> Process:
    """This program as another process."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, env=environment(home))


async def latencies(url: str, home: Path, rate: int, seconds: float) -> list[float]:
    """Milliseconds for each event to come here that another process commits."""
    found: list[float] = []
    async with Reader(stream_of(url), filter=Filter(kinds=("bench.*",))) as reader:
        await reader.connect()
        publisher = await child(home, "--publish", rate, "--seconds", seconds)
        async for batch in reader:
            now = time.monotonic_ns()
            found.extend((now - event.payload["at"]) / 1e6 for event in batch)
            if batch[-1].kind == LAST:
                break
        await publisher.wait()
    return found


def shown(values: list[float], seconds: float) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {"per_s": round(len(values) / seconds), "p50_ms": round(cuts[49], 2), "p99_ms": round(cuts[98], 2)}


async def in_a_crowd(url: str, home: Path, clients: int, rate: int, seconds: float) -> dict[str, Any]:
    """The same while so many others are sent all of it; and what that costs the server."""
    crowd = await child(home, "--crowd", clients, "--url", url)
    assert crowd.stdout is not None
    await crowd.stdout.readline()
    before, began = await spent(url), time.perf_counter()
    found = await latencies(url, home, rate, seconds)
    carried = int(await crowd.stdout.readline())
    passed = time.perf_counter() - began
    after = await spent(url)
    await crowd.wait()
    return {
        **shown(found, seconds),
        "delivered_per_s": round(len(found) * clients / passed),
        "megabytes": round(carried / 1e6),
        "server_cpu_percent": round((after - before) / passed * 100),
        "server_mib": round(await memory(url) / 2**20),
    }


async def spent(url: str) -> float:
    """The server's seconds of CPU."""
    return await figure(url, "process_cpu_seconds_total")


async def memory(url: str) -> float:
    """The server's bytes of memory."""
    return await figure(url, "process_resident_memory_bytes")


async def figure(url: str, name: str) -> float:
    async with httpx2.AsyncClient() as client:
        lines = (await client.get(f"{url.removesuffix('/api')}/metrics")).text.splitlines()
    return next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


async def beside_the_lazy(url: str, home: Path, lazy: int, rate: int, seconds: float) -> dict[str, Any]:
    """The same while so many clients ask for all of it and read nothing."""
    loop, port = asyncio.get_running_loop(), port_of(url)
    transports = [(await loop.create_connection(lambda: Counting(port), "127.0.0.1", port)) for _ in range(lazy)]
    await asyncio.gather(*(client.greeted.wait() for _, client in transports))
    for transport, _ in transports:
        transport.pause_reading()
    found = shown(await latencies(url, home, rate, seconds), seconds)
    for transport, _ in transports:
        transport.abort()
    return {**found, "server_mib": round(await memory(url) / 2**20)}


def port_of(url: str) -> int:
    return int(url.split(":")[2].split("/")[0])


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    seconds, figures = options.seconds, dict[str, Any]()
    with fresh_home() as home, served(home) as url:
        figures["idle_mib"] = round(await memory(url) / 2**20)
        for rate in (10, 100, 1000):
            enough = max(seconds, 200 / rate)
            figures[f"alone_{rate}"] = shown(await latencies(url, home, rate, enough), enough)
        figures["beside_50_lazy_1000"] = await beside_the_lazy(url, home, 50, 1000, seconds)
        for clients in (100, options.clients):
            figures[f"crowd_{clients}_x_{options.rate}"] = await in_a_crowd(url, home, clients, options.rate, seconds)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=1000, help="how many subscribers are the crowd")
    parser.add_argument("--rate", type=int, default=1000, help="how many events a second each of the crowd is sent")
    parser.add_argument("--seconds", type=float, default=5.0)
    for hidden in ("--publish", "--crowd"):
        parser.add_argument(hidden, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.publish:
        asyncio.run(publish(options.publish, options.seconds))
    elif options.crowd:
        asyncio.run(be_crowd(port_of(options.url), options.crowd))
    else:
        figures = asyncio.run(measure(options))
        alone, crowd = figures["alone_1000"], figures[f"crowd_{options.clients}_x_{options.rate}"]
        report(
            f"from another process's commit to a websocket: {alone['p50_ms']}/{alone['p99_ms']} ms p50/p99 alone; "
            f"beside {options.clients} others {crowd['p50_ms']}/{crowd['p99_ms']} ms, "
            f"with {crowd['delivered_per_s']:,} events/s delivered",
            figures,
        )


if __name__ == "__main__":
    main()
