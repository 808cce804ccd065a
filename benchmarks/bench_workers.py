"""How soon a run begins that was asked for, in a fresh process, as a deployment's first, and as a further one; and what
a worker costs while it waits."""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from measure import environment, fresh_home, report

from segue.records.work import Deployment, RunRequest
from segue.settings import Settings
from segue.tables import projections
from segue.work.local import LocalWork
from segue_events import Bus, Filter, SqliteJournal, SystemClock

FLOW = "from segue import flow\n\n@flow\ndef hello(): return 1\n"
TICKS = os.sysconf("SC_CLK_TCK")


async def begun(work: LocalWork, bus: Bus, deployment: Deployment) -> float:
    """Seconds from asking for a run to its first call."""
    async with bus.subscribe(Filter(kinds=("flow-run.*",))) as news:
        asked = time.time()
        run = await work.create_run(RunRequest(deployment_id=deployment.id))
        began = 0
        async for events in news:
            for event in events:
                if event.run == run.id and event.kind == "flow-run.running":
                    began = event.occurred
                if event.run == run.id and event.kind == "flow-run.completed":
                    return began / 1e6 - asked
    sys.exit("The journal has ended before the run.")


async def measure(home: Path, worker: int, runs: int) -> dict[str, float]:
    """Ask for runs one after the other, of a worker in a process of its own: cold and first in turns, then warm."""
    settings = Settings(home=home)
    await asyncio.sleep(5)  # it has made its first steps, and has nothing to do
    before = used(worker)
    await asyncio.sleep(10)
    after = used(worker)
    async with SqliteJournal(settings.database, projections=projections()) as journal, Bus(journal) as bus:
        work = LocalWork(journal, bus, SystemClock())
        known = {"flow_name": "hello", "entrypoint": "flows.py:hello", "path": str(home), "pool": "bench"}
        cold = await work.save_deployment(Deployment(id="", name="cold", job_variables={"warm": False}, **known))
        warm = await work.save_deployment(Deployment(id="", name="warm", **known))
        colds: list[float] = []
        firsts: list[float] = []
        for number in range(runs):
            colds.append(await begun(work, bus, cold))
            first = await work.save_deployment(Deployment(id="", name=f"first-{number}", **known))
            firsts.append(await begun(work, bus, first))
            await asyncio.sleep(1)  # what its further runs would be forked from is prepared
        await begun(work, bus, warm)
        await asyncio.sleep(3)  # what later runs are forked from is prepared
        warms = [await begun(work, bus, warm) for _ in range(runs)]
    return {
        "cold_p50_ms": statistics.median(colds) * 1e3,
        "cold_max_ms": max(colds) * 1e3,
        "first_p50_ms": statistics.median(firsts) * 1e3,
        "first_max_ms": max(firsts) * 1e3,
        "warm_p50_ms": statistics.median(warms) * 1e3,
        "warm_max_ms": max(warms) * 1e3,
        "idle_mib": after[1],
        "idle_cpu_percent": (after[0] - before[0]) * 10,
    }


def used(pid: int) -> tuple[float, float]:
    """Seconds of processor time that a process has used, and the MiB that it has."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return (int(fields[11]) + int(fields[12])) / TICKS, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Measure, and print the two lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    options = parser.parse_args()
    with fresh_home() as home:
        (home / "flows.py").write_text(FLOW)
        command = [sys.executable, "-m", "segue", "worker", "start", "--pool", "bench"]
        worker = subprocess.Popen(command, env=environment(home), stderr=subprocess.PIPE, text=True)
        assert worker.stderr is not None
        worker.stderr.readline()
        figures = asyncio.run(measure(home, worker.pid, options.runs))
        worker.terminate()
        worker.communicate()
    report(
        f"asked for to Running: cold {figures['cold_p50_ms']:.0f} ms, first {figures['first_p50_ms']:.0f} ms, "
        f"warm {figures['warm_p50_ms']:.0f} ms (p50); "
        f"a worker that waits: {figures['idle_mib']:.0f} MiB, {figures['idle_cpu_percent']:.1f} % of a processor",
        {"benchmark": "workers", **figures},
    )


if __name__ == "__main__":
    main()
