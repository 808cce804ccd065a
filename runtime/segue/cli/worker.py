"""segue worker: workers, started, listed, inspected."""

from dataclasses import dataclass
from typing import Annotated

import anyio
import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields, say, say_json, say_table
from segue.cli.session import configured, working
from segue.cli.text import ago
from segue.host import close_hosts
from segue.records.work import WorkerInfo
from segue.suggestions import did_you_mean
from segue_events import SystemClock

__all__ = ("app",)

app = App(name="worker", help="Workers, which run what waits in a pool: start one, list, inspect.", help_epilogue="")


@dataclass(kw_only=True)
class StartOptions:
    """What a worker is told besides its pool."""

    type_: Annotated[
        str, Parameter(name=["--type", "-t"], help="What runs are started in: process, docker, kubernetes.")
    ] = ""
    name: Annotated[str, Parameter(name=["--name", "-n"], help="What the worker is called.")] = ""
    work_queue: Annotated[
        list[str] | None,
        Parameter(name=["--work-queue", "-q"], negative=(), help="Only runs of this queue; repeat it for several."),
    ] = None
    limit: Annotated[
        int | None,
        Parameter(
            name=["--limit", "-l"],
            validator=Number(gte=1),
            help="How many runs at a time; by default four a processor, eight at least.",
        ),
    ] = None
    run_once: Annotated[bool, Parameter(name="--run-once", negative=(), help="Run what is due now, and end.")] = False
    grace: Annotated[
        float,
        Parameter(
            name="--grace", validator=Number(gte=0), help="How many seconds runs may go on once it is asked to end."
        ),
    ] = 60.0


@app.command
def start(
    *,
    pool: Annotated[str, Parameter(name=["--pool", "-p"], help="The work pool; it is made if it is not there.")],
    options: Annotated[StartOptions | None, Parameter(name="*")] = None,
) -> None:
    """Run what waits in a work pool, until interrupted: then runs that go come to their end, a second time at once."""
    # A worker needs all of the engine, and the other commands none of it.
    from segue.workers.starting import Wanted, start_worker  # noqa: PLC0415

    given = options or StartOptions()
    wanted = Wanted(
        pool=pool,
        type=given.type_,
        queues=tuple(given.work_queue or ()),
        name=given.name,
        limit=given.limit,
        run_once=given.run_once,
        grace=given.grace,
    )
    with configured() as settings:
        try:
            anyio.run(start_worker, settings, wanted)
        finally:
            close_hosts()


@app.command
async def ls(
    *,
    pool: Annotated[str, Parameter(name=["--pool", "-p"], help="Only workers of this work pool.")] = "",
    output: OutputForm = "text",
) -> None:
    """List workers that live, or have ended within a day, the latest first."""
    async with working() as work:
        workers = await work.workers(pool)
    if output == "json":
        say_json([msgspec.structs.asdict(worker) for worker in workers])
    elif not workers:
        say("There are no workers; `segue worker start --pool NAME` starts one.")
    else:
        now = SystemClock().now_us()
        rows = [
            [one.name, one.pool, one.type, _state(one), f"{one.host}:{one.pid}", _seen(one, now)] for one in workers
        ]
        say_table(["Name", "Pool", "Type", "State", "Process", "Seen"], rows)


@app.command
async def inspect(
    worker: Annotated[str, Parameter(help="The worker: its name, or its id.")], *, output: OutputForm = "text"
) -> None:
    """Show a worker."""
    async with working() as work:
        workers = await work.workers()
    found = next((one for one in workers if worker in (one.name, one.id)), None)
    if found is None:
        hint = did_you_mean(worker, [one.name for one in workers])
        raise CommandFailed(
            f"There is no worker '{worker}'.{hint} `segue worker ls` lists the workers.", ExitCode.RUN_FAILED
        )
    if output == "json":
        say_json(msgspec.structs.asdict(found))
        return
    now = SystemClock().now_us()
    fields(
        [
            ("Worker", Cell(found.name, "bold")),
            ("Id", found.id),
            ("State", _state(found)),
            ("Pool", f"{found.pool} ({found.type})"),
            ("Queues", ", ".join(found.queues) or "all"),
            ("Limit", "" if found.limit is None else f"{found.limit} runs at a time"),
            ("Process", f"{found.pid} on {found.host}"),
            ("Version", found.version),
            ("Started", ago(found.started, now)),
            ("Seen", _seen(found, now)),
        ]
    )


def _state(worker: WorkerInfo) -> Cell:
    return Cell("ready", "green") if worker.ended is None else Cell("ended", "yellow")


def _seen(worker: WorkerInfo, now: int) -> str:
    return ago(worker.seen, now)
