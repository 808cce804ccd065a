"""segue work-queue: the queues of work pools, created, listed, inspected, changed, paused, deleted."""

from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter
from cyclopts.validators import Number

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields, say, say_json, say_table
from segue.cli.session import working
from segue.records.work import WorkPool, WorkQueue
from segue.suggestions import did_you_mean
from segue.work.protocol import Work

__all__ = ("app",)

app = App(
    name="work-queue",
    help="Queues of work pools: create, list, inspect, pause, resume, limit, delete.",
    help_epilogue="",
)

QueueName = Annotated[str, Parameter(help="The queue.")]
PoolOption = Annotated[
    str | None, Parameter(name=["--pool", "-p"], help="Its work pool; may be left out where there is only one.")
]
Most = Annotated[int, Parameter(validator=Number(gte=1), help="How many of its runs may go at a time.")]
Priority = Annotated[
    int | None, Parameter(name=["--priority", "-q"], help="The lowest is served first; by default behind all others.")
]


@app.command
async def create(
    name: QueueName,
    *,
    pool: PoolOption = None,
    limit: Annotated[
        int | None, Parameter(name=["--limit", "-l"], help="How many of its runs may go at a time.")
    ] = None,
    priority: Priority = None,
    description: Annotated[str, Parameter(help="What it is for.")] = "",
) -> None:
    """Create a queue in a work pool."""
    async with working() as work:
        found = await _pool(work, pool)
        if any(queue.name == name for queue in found.queues):
            raise CommandFailed(f"Work pool '{found.name}' has a queue '{name}' already.", ExitCode.RUN_FAILED)
        last = max(queue.priority for queue in found.queues)
        place = last + 1 if priority is None else priority
        made = WorkQueue(name=name, limit=limit, priority=place, description=description)
        await work.save_pool(msgspec.structs.replace(found, queues=(*found.queues, made)))
    say(f"Created queue '{name}' of work pool '{found.name}', with priority {place}.")


@app.command
async def ls(*, pool: PoolOption = None, output: OutputForm = "text") -> None:
    """List queues: of one work pool, or of all; those that are served first come first."""
    async with working() as work:
        pools = await work.pools() if pool is None else [await work.pool(pool)]
    every = [(one, queue) for one in pools for queue in sorted(one.queues, key=lambda queue: queue.priority)]
    if output == "json":
        say_json([_json(one, queue) for one, queue in every])
    elif not every:
        say("There are no work pools, and so no queues.")
    else:
        columns = ["Name", "Pool", "Priority", "Limit", "State"]
        say_table(columns, [_row(one, queue) for one, queue in every])


@app.command
async def inspect(name: QueueName, *, pool: PoolOption = None, output: OutputForm = "text") -> None:
    """Show a queue."""
    async with working() as work:
        found = await _pool(work, pool)
    queue = _queue(found, name)
    if output == "json":
        say_json(_json(found, queue))
        return
    fields(
        [
            ("Queue", Cell(queue.name, "bold")),
            ("", queue.description),
            ("Work pool", found.name),
            ("Priority", str(queue.priority)),
            ("Limit", "" if queue.limit is None else f"{queue.limit} runs at a time"),
            ("State", _state(queue)),
        ]
    )


@app.command
async def pause(name: QueueName, *, pool: PoolOption = None) -> None:
    """Have none of its runs begun until it is resumed; those that go on are not touched."""
    await _change(name, pool, "is paused", paused=True)


@app.command
async def resume(name: QueueName, *, pool: PoolOption = None) -> None:
    """Have its runs begun again."""
    await _change(name, pool, "is not paused", paused=False)


@app.command(name="set-concurrency-limit")
async def set_concurrency_limit(name: QueueName, limit: Most, *, pool: PoolOption = None) -> None:
    """Let only so many of its runs go at a time."""
    await _change(name, pool, f"lets {limit} runs go at a time", limit=limit)


@app.command(name="clear-concurrency-limit")
async def clear_concurrency_limit(name: QueueName, *, pool: PoolOption = None) -> None:
    """Let any number of its runs go at a time."""
    await _change(name, pool, "lets any number of runs go at a time", limit=None)


@app.command
async def delete(name: QueueName, *, pool: PoolOption = None) -> None:
    """Delete a queue that no deployment uses."""
    async with working() as work:
        found = await _pool(work, pool)
        gone = _queue(found, name)
        rest = tuple(queue for queue in found.queues if queue is not gone)
        await work.save_pool(msgspec.structs.replace(found, queues=rest))
    say(f"Deleted queue '{name}' of work pool '{found.name}'.")


async def _change(name: str, pool: str | None, told: str, **changes: Any) -> None:
    async with working() as work:
        found = await _pool(work, pool)
        old = _queue(found, name)
        queues = tuple(msgspec.structs.replace(one, **changes) if one is old else one for one in found.queues)
        await work.save_pool(msgspec.structs.replace(found, queues=queues))
    say(f"Queue '{name}' of work pool '{found.name}' {told}.")


async def _pool(work: Work, name: str | None) -> WorkPool:
    """Return the pool of this name, or the only one."""
    if name is not None:
        return await work.pool(name)
    pools = await work.pools()
    if len(pools) != 1:
        there = f"there are {', '.join(pool.name for pool in pools)}" if pools else "there is none yet"
        raise Usage(f"Say of which work pool, with --pool NAME: {there}.")
    return pools[0]


def _queue(pool: WorkPool, name: str) -> WorkQueue:
    for queue in pool.queues:
        if queue.name == name:
            return queue
    names = [queue.name for queue in pool.queues]
    raise CommandFailed(
        f"Work pool '{pool.name}' has no queue '{name}'.{did_you_mean(name, names)} There are: {', '.join(names)}.",
        ExitCode.RUN_FAILED,
    )


def _json(pool: WorkPool, queue: WorkQueue) -> dict[str, Any]:
    return {"pool": pool.name, **msgspec.structs.asdict(queue)}


def _row(pool: WorkPool, queue: WorkQueue) -> list[Cell | str]:
    return [queue.name, pool.name, str(queue.priority), str(queue.limit or ""), _state(queue)]


def _state(queue: WorkQueue) -> Cell:
    return Cell("paused", "yellow") if queue.paused else Cell("ready", "green")
