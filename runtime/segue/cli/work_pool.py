"""segue work-pool: work pools, created, listed, inspected, changed, paused, deleted."""

from typing import Annotated

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from segue.cli.arguments import OutputForm, PoolName
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields, say, say_json, say_table
from segue.cli.session import working
from segue.cli.text import ago
from segue.exceptions import UnknownPool
from segue.records.work import WorkerInfo, WorkPool
from segue_events import SystemClock

__all__ = ("app",)

app = App(
    name="work-pool",
    help="Work pools, where runs wait for workers: create, list, inspect, pause, resume, limit, delete.",
    help_epilogue="",
)

Most = Annotated[int, Parameter(validator=Number(gte=1), help="How many of its runs may go at a time.")]


@app.command
async def create(
    name: PoolName,
    *,
    type_: Annotated[
        str, Parameter(name=["--type", "-t"], help="What its workers start runs in: process, docker, kubernetes.")
    ] = "process",
    description: Annotated[str, Parameter(help="What it is for.")] = "",
    paused: Annotated[bool, Parameter(negative=(), help="Have none of its runs begun until it is resumed.")] = False,
    concurrency_limit: Annotated[int | None, Parameter(help="How many of its runs may go at a time.")] = None,
    overwrite: Annotated[bool, Parameter(negative=(), help="Replace the pool of this name, if there is one.")] = False,
) -> None:
    """Create a work pool."""
    pool = WorkPool(name=name, type=type_, description=description, paused=paused, limit=concurrency_limit)
    async with working() as work:
        try:
            before = await work.pool(name)
        except UnknownPool:
            before = None
        if before is not None and not overwrite:
            raise CommandFailed(
                f"There is a work pool '{name}' already; --overwrite replaces it, `segue work-pool update` changes it.",
                ExitCode.RUN_FAILED,
            )
        if before is not None:
            pool = msgspec.structs.replace(pool, queues=before.queues)
        await work.save_pool(pool)
    say(f"Created work pool '{name}'. `segue worker start --pool '{name}'` starts a worker for it.")


@app.command
async def ls(
    *,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"], negative=(), help="Show descriptions too.")] = False,
    output: OutputForm = "text",
) -> None:
    """List work pools by name."""
    async with working() as work:
        pools, workers = await work.pools(), await work.workers()
    living = {pool.name: sum(one.pool == pool.name and one.ended is None for one in workers) for pool in pools}
    if output == "json":
        say_json([{**_json(pool), "workers": living[pool.name]} for pool in pools])
    elif not pools:
        say("There are no work pools; `segue work-pool create NAME` makes one, and so does a worker that starts.")
    else:
        columns = ["Name", "Type", "State", "Limit", "Workers", *(["Description"] if verbose else [])]
        say_table(columns, [_row(pool, living[pool.name])[: len(columns)] for pool in pools], shrink=["Description"])


@app.command
async def inspect(name: PoolName, *, output: OutputForm = "text") -> None:
    """Show a work pool: its queues, its workers, its limit."""
    async with working() as work:
        pool, workers = await work.pool(name), await work.workers(name)
    if output == "json":
        say_json({**_json(pool), "workers": [msgspec.structs.asdict(worker) for worker in workers]})
    else:
        fields(_fields(pool, workers, SystemClock().now_us()))


@app.command
async def pause(name: PoolName) -> None:
    """Have none of its runs begun until it is resumed; those that go on are not touched."""
    await _change(name, paused=True)
    say(f"Work pool '{name}' is paused: `segue work-pool resume` has it go on.")


@app.command
async def resume(name: PoolName) -> None:
    """Have its runs begun again."""
    await _change(name, paused=False)
    say(f"Work pool '{name}' is not paused.")


@app.command
async def update(
    name: PoolName,
    *,
    concurrency_limit: Annotated[int | None, Parameter(help="How many of its runs may go at a time.")] = None,
    description: Annotated[str | None, Parameter(help="What it is for.")] = None,
) -> None:
    """Change what is given of a work pool."""
    given = {"limit": concurrency_limit, "description": description}
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise Usage("Say what to change: --concurrency-limit or --description.")
    await _change(name, **changes)
    say(f"Changed work pool '{name}'.")


@app.command(name="set-concurrency-limit")
async def set_concurrency_limit(name: PoolName, concurrency_limit: Most) -> None:
    """Let only so many of its runs go at a time."""
    await _change(name, limit=concurrency_limit)
    say(f"Of work pool '{name}', {concurrency_limit} runs may go at a time.")


@app.command(name="clear-concurrency-limit")
async def clear_concurrency_limit(name: PoolName) -> None:
    """Let any number of its runs go at a time."""
    await _change(name, limit=None)
    say(f"Of work pool '{name}', any number of runs may go at a time.")


@app.command
async def delete(*names: PoolName) -> None:
    """Delete work pools that no deployment uses."""
    if not names:
        raise Usage("Say which work pool to delete: segue work-pool delete NAME.")
    async with working() as work:
        for pool in [await work.pool(name) for name in names]:
            await work.delete_pool(pool.name)
            say(f"Deleted work pool '{pool.name}'.")


async def _change(name: str, **changes: str | int | bool | None) -> None:
    async with working() as work:
        await work.save_pool(msgspec.structs.replace(await work.pool(name), **changes))


def _json(pool: WorkPool) -> dict[str, object]:
    return {**msgspec.structs.asdict(pool), "queues": [msgspec.structs.asdict(queue) for queue in pool.queues]}


def _row(pool: WorkPool, living: int) -> list[Cell | str]:
    return [pool.name, pool.type, _state(pool), str(pool.limit or ""), str(living), pool.description]


def _state(pool: WorkPool) -> Cell:
    return Cell("paused", "yellow") if pool.paused else Cell("ready", "green")


def _fields(pool: WorkPool, workers: list[WorkerInfo], now: int) -> list[tuple[str, Cell | str]]:
    queues = sorted(pool.queues, key=lambda queue: (queue.priority, queue.name))
    return [
        ("Work pool", Cell(pool.name, "bold")),
        ("", pool.description),
        ("Type", pool.type),
        ("State", _state(pool)),
        ("Limit", "" if pool.limit is None else f"{pool.limit} runs at a time"),
        (
            "Queues",
            "\n".join(f"{one.name} (priority {one.priority}{', paused' if one.paused else ''})" for one in queues),
        ),
        ("Workers", "\n".join(_worker(worker, now) for worker in workers) or "none"),
    ]


def _worker(worker: WorkerInfo, now: int) -> str:
    gone = "" if worker.ended is None else ", gone"
    return f"{worker.name} on {worker.host}, seen {ago(worker.seen, now)}{gone}"
