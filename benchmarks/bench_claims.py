"""How fast runs that wait are claimed: so many, by so many workers in processes of their own, each exactly once."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from segue import states
from segue.records import FlowRun
from segue.records.work import Deployment, RunRequest, WorkerInfo, WorkItem, WorkPool
from segue.run_events import flow_run_state
from segue.tables import projections
from segue.work.local import LocalWork
from segue.work_events import run_scheduled
from segue_events import Bus, Event, SqliteJournal, SystemClock, new_id


async def main() -> None:
    """Fill a journal, let the workers empty it, and say how fast that went."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--most", type=int, default=1, help="how many runs a worker asks for at a time")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        await work_off(Path(options.child), options.most)
        return
    for most in sorted({1, options.most, 10}):
        with tempfile.TemporaryDirectory(prefix="segue-bench-") as folder:
            await measure(Path(folder) / "segue.db", options.runs, options.workers, most)


async def measure(database: Path, runs: int, workers: int, most: int) -> None:
    """Have so many runs claimed, up to `most` at a time."""
    await fill(database, runs)
    children = [started(database, most) for _ in range(workers)]
    begin = time.perf_counter()
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.flush()
    told = [json.loads(child.communicate()[0]) for child in children]
    seconds = max(one["ended"] for one in told) - begin
    claimed = [run for one in told for run in one["claimed"]]
    waits = sorted(wait for one in told for wait in one["waits"])
    once = len(claimed) == len(set(claimed)) == runs
    speed = len(claimed) / seconds
    p50, p99 = (waits[int(len(waits) * share)] * 1e3 for share in (0.5, 0.99))
    print(
        f"{len(claimed):,} of {runs:,} runs claimed by {workers} workers, {most} at a time, in {seconds:.2f} s: "
        f"{speed:,.0f}/s; each exactly once: {once}; a claim takes {p50:.1f} ms, 1 in 100 over {p99:.1f} ms"
    )
    figures = {"runs": runs, "workers": workers, "most": most, "claims_per_second": speed, "once": once}
    print(json.dumps({"benchmark": "claims", **figures}))
    if not once:
        sys.exit(1)


def started(database: Path, most: int) -> subprocess.Popen[bytes]:
    """Start a worker, and wait until it is ready."""
    command = [sys.executable, __file__, "--child", str(database), "--most", str(most)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    return child


async def fill(database: Path, runs: int) -> None:
    """Put the runs in line."""
    clock = SystemClock()
    async with SqliteJournal(database, projections=projections()) as journal, Bus(journal) as bus:
        work = LocalWork(journal, bus, clock)
        await work.save_pool(WorkPool(name="bench"))
        deployment = await work.save_deployment(
            Deployment(id="", name="bench", flow_name="bench", entrypoint="bench.py:bench", pool="bench")
        )
        run = await work.create_run(RunRequest(deployment_id=deployment.id))
        item = await work.store.item(run.id)
        assert item is not None
        for number in range(1, runs):
            bus.publish(another(run, item, number, clock.now_us()))
        await bus.flushed()


def another(run: FlowRun, item: WorkItem, number: int, now: int) -> Event:
    """Return the event of one more such run."""
    run = FlowRun(id=new_id(), name=f"run-{number}", flow_name=run.flow_name, parameters={"number": number})
    return run_scheduled(run, msgspec.structs.replace(item, run_id=run.id, due=now), now)


async def work_off(database: Path, most: int) -> None:
    """Claim runs, and let each end at once, until there are none."""
    clock = SystemClock()
    claimed: list[str] = []
    waits: list[float] = []
    async with SqliteJournal(database, projections=projections()) as journal, Bus(journal) as bus:
        work = LocalWork(journal, bus, clock)
        worker = await work.join(WorkerInfo(id="", name=f"worker-{os.getpid()}", pool="bench"))
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        while True:
            begin = time.perf_counter()
            claims = await work.claim(worker.id, most)
            waits.append(time.perf_counter() - begin)
            if not claims:
                break
            for claim in claims:
                claimed.append(claim.run_id)
                run = FlowRun(id=claim.run_id, name=claim.run_name, flow_name=claim.flow_name)
                bus.publish(flow_run_state(run, states.Completed(occurred=clock.now_us())))
        ended = time.perf_counter()
    print(json.dumps({"claimed": claimed, "waits": waits, "ended": ended}))


if __name__ == "__main__":
    asyncio.run(main())
