"""A server and far engines: how fast events get in, how soon a subscriber has them, how soon a run obeys.

The server is a process of its own. Events count once they are acknowledged, which is once they are committed; a
latency is measured in one process, from the publish until a subscriber to the same server has the event, or from the
request until the run's function is interrupted.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import environment, fresh_home, report

from segue import flow
from segue.api.engine import EventIn
from segue.api_backend import ApiBackend
from segue.client import AsyncClient
from segue.far.link import Link, close_links
from segue.host import close_hosts
from segue.settings import Settings, temporary_settings
from segue_events import Event, new_id
from segue_events.stream import Reader, Writer

WAYS = {"websocket": "by websocket", "engine": "by an engine", "post": "by requests"}
PAYLOAD = {"task": "fetch", "name": "fetch-0", "input": "0123456789abcdefghijkl"}


def pending() -> Event:
    return Event(kind="task-run.pending", run="r", subject=new_id(), payload=PAYLOAD)


@contextmanager
def served(home: Path) -> Iterator[str]:
    """A server of this home; its API's URL."""
    read, write = os.pipe()
    variables = environment(home, SEGUE_SERVER_PORT="0", SEGUE_SERVER_REQUESTS_PER_SECOND="0")
    command = [sys.executable, "-m", "segue.server", f"--report={write}"]
    with open(read) as reader:
        child = subprocess.Popen(command, env=variables, pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        url = reader.read().split('"url":"')[1].split('"')[0]
    try:
        yield f"{url}/api"
    finally:
        child.terminate()
        child.wait()


def stream_of(url: str) -> str:
    return f"ws{url.removeprefix('http')}/events/stream"


async def by_websocket(url: str, events: int) -> float:
    """Events per second by one Writer, which holds what is not acknowledged in memory."""
    async with Writer(stream_of(url), closing_seconds=60) as writer:
        made = [pending() for _ in range(events)]
        await writer.flushed()
        began = time.perf_counter()
        for number, event in enumerate(made):
            writer.publish(event)
            if number % 500 == 0:
                await asyncio.sleep(0)
        await writer.flushed()
        return events / (time.perf_counter() - began)


async def by_backend(url: str, home: Path, events: int) -> float:
    """Events per second by an engine's backend, which has all of them on disk before they are sent."""
    link = Link(Settings(home=home, api_url=url))
    backend = ApiBackend(link)
    made = [pending() for _ in range(events)]
    began = time.perf_counter()
    for event in made:
        backend.publish(event)
    await asyncio.wrap_future(backend.flush())
    rate = events / (time.perf_counter() - began)
    await asyncio.to_thread(link.close)
    return rate


async def by_requests(url: str, events: int) -> float:
    """Events per second by one client that posts 1,000 at a time, one request after the other."""
    async with AsyncClient(url) as client:
        batches = [
            [
                EventIn(kind="task-run.pending", run="r", subject=new_id(), id=new_id(), payload=PAYLOAD)
                for _ in range(1000)
            ]
            for _ in range(events // 1000)
        ]
        began = time.perf_counter()
        for batch in batches:
            await client.publish(batch)
        return events / (time.perf_counter() - began)


async def to_subscriber(url: str, rate: int, seconds: float) -> list[float]:
    """Milliseconds from a far publish until a subscriber has the event, at this rate of events per second."""
    found: list[float] = []
    async with Reader(stream_of(url)) as reader, Writer(stream_of(url)) as writer:
        await reader.connect()

        async def read() -> None:
            async for batch in reader:
                now = time.perf_counter_ns()
                found.extend((now - event.payload["at"]) / 1e6 for event in batch)
                if batch[-1].kind == "bench.last":
                    return

        reading = asyncio.create_task(read())
        began, published = time.perf_counter(), 0
        while (passed := time.perf_counter() - began) < seconds:
            while published < passed * rate:
                writer.publish(Event(kind="bench.event", payload={"at": time.perf_counter_ns()}))
                published += 1
            await asyncio.sleep(0.0005)
        writer.publish(Event(kind="bench.last", payload={"at": time.perf_counter_ns()}))
        await reading
    return found


class Counting(asyncio.Protocol):
    """A subscriber that costs its process next to nothing: it counts bytes, and waits for the last event."""

    def __init__(self, port: int) -> None:
        self.bytes = 0
        self.greeted = asyncio.Event()
        self.over = asyncio.Event()
        self._port = port
        self._end = b""

    def connection_made(self, transport: Any) -> None:
        request = (
            f"GET /api/events/stream HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        self._transport = transport
        transport.write(request.encode())

    def leave(self) -> None:
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        seen = self._end + data
        self._end = seen[-100:]
        if seen.startswith(b"HTTP/1.1 101"):
            hello = b'{"type":"hello","after":"now"}'
            self._transport.write(bytes([0x81, 0x80 | len(hello)]) + bytes(4) + hello)
        if b"welcome" in seen:
            self.greeted.set()
        if b"bench.last" in seen:
            self.over.set()


async def crowd(url: str, subscribers: int, rate: int, seconds: float) -> dict[str, Any]:
    """How many events all of so many subscribers get in a second at this rate, and what that takes."""
    port = int(url.split(":")[2].split("/")[0])
    loop = asyncio.get_running_loop()
    clients: list[Counting] = []
    for _ in range(subscribers):
        _, client = await loop.create_connection(lambda: Counting(port), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.greeted.wait() for client in clients))
    began = time.perf_counter()
    found = await to_subscriber(url, rate, seconds)
    await asyncio.gather(*(client.over.wait() for client in clients))
    passed = time.perf_counter() - began
    for client in clients:
        client.leave()
    return {"subscribers": subscribers, "delivered_per_s": round(len(found) * subscribers / passed), **shown(found)}


async def until_obeyed(url: str, count: int) -> list[float]:
    """Milliseconds from a request to cancel until the run's function is interrupted; one run after the other."""
    found: list[float] = []
    interrupted = 0.0

    @flow
    async def waiting() -> None:
        nonlocal interrupted
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            interrupted = time.perf_counter()

    async with AsyncClient(url) as client, Reader(stream_of(url)) as reader:
        await reader.connect()
        for _ in range(count):
            begun = asyncio.Event()
            running = asyncio.create_task(waiting(return_state=True))
            await begun.wait()
            run = await known(reader)
            began = time.perf_counter()
            await client.cancel(run)
            await asyncio.wait([running])
            found.append((interrupted - began) * 1000)
    return found


async def known(reader: Reader) -> str:
    async for batch in reader:
        for event in batch:
            if event.kind == "flow-run.running":
                return event.run
    raise SystemExit("The stream ended.")


def shown(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2)}


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    events, runs, seconds = options.events, options.runs, options.seconds
    figures: dict[str, Any] = {}
    with fresh_home() as home, served(home / "server") as url:
        figures["websocket_events_per_s"] = round(await by_websocket(url, events))
        figures["engine_events_per_s"] = round(await by_backend(url, home, events))
        figures["post_events_per_s"] = round(await by_requests(url, events))
        figures["to_subscriber_ms"] = {rate: shown(await to_subscriber(url, rate, seconds)) for rate in (100, 1000)}
        figures["crowd_ms"] = await crowd(url, options.crowd, 1000, seconds)
        with temporary_settings({"home": home, "api_url": url}):
            figures["far_cancel_ms"] = shown(await until_obeyed(url, runs))
            await asyncio.to_thread(close_links)
        with temporary_settings({"home": home / "server"}):
            figures["local_cancel_ms"] = shown(await until_obeyed(url, runs))
            await asyncio.to_thread(close_hosts)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--crowd", type=int, default=100, help="how many subscribers at once")
    options = parser.parse_args()
    figures = asyncio.run(measure(options))
    ways = ", ".join(f"{figures[f'{way}_events_per_s']:,} {said}" for way, said in WAYS.items())
    line = (
        f"ingest/s: {ways}; to a subscriber {figures['to_subscriber_ms'][1000]} ms; "
        f"a cancelled run obeys after {figures['far_cancel_ms']} ms far away, {figures['local_cancel_ms']} ms beside it"
    )
    report(line, figures)


if __name__ == "__main__":
    main()
