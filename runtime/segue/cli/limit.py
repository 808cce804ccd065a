"""segue global-concurrency-limit: limits that code asks for by name, created, listed, inspected, changed, deleted."""

from typing import Annotated

import msgspec
from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.limit_forms import limit_fields, limit_json, limit_row, the_limit
from segue.cli.output import say, say_json, say_table
from segue.cli.session import working
from segue.records.work import Limit
from segue_events import SystemClock

__all__ = ("app",)

app = App(
    name="global-concurrency-limit",
    help="Limits that code asks for by name: create, list, inspect, update, enable, disable, delete.",
    help_epilogue="",
)

LimitName = Annotated[str, Parameter(help="The limit.")]
Decay = Annotated[
    float | None,
    Parameter(name="--slot-decay-per-second", help="How many slots come back a second by themselves: a rate limit."),
]


@app.command
async def create(
    name: LimitName,
    *,
    limit: Annotated[int, Parameter(name=["--limit", "-l"], help="How many slots there are.")],
    disable: Annotated[bool, Parameter(negative=(), help="Have it bind nothing until it is enabled.")] = False,
    slot_decay_per_second: Decay = None,
) -> None:
    """Create a limit."""
    made = Limit(name=name, slots=limit, refill=slot_decay_per_second or None, active=not disable)
    async with working() as work:
        if any(one.name == name for one in await work.limits()):
            raise CommandFailed(
                f"There is a limit '{name}' already; `segue global-concurrency-limit update` changes it.",
                ExitCode.RUN_FAILED,
            )
        await work.save_limit(made)
    say(f"Created limit '{name}' of {limit} slots.")


@app.command
async def ls(*, output: OutputForm = "text") -> None:
    """List limits by name, with how many of their slots are held."""
    async with working() as work:
        limits = [one for one in await work.limits() if not one.tag]
        leases = await work.leases()
    if output == "json":
        say_json([limit_json(one, leases) for one in limits])
    elif not limits:
        say("There are no limits; `segue global-concurrency-limit create NAME --limit 3` makes one.")
    else:
        say_table(["Name", "Slots", "Held", "Back a second", "State"], [limit_row(one, leases) for one in limits])


@app.command
async def inspect(name: LimitName, *, output: OutputForm = "text") -> None:
    """Show a limit, and who holds slots of it."""
    async with working() as work:
        found, leases = the_limit(await work.limits(), name, tag=False), await work.leases(name)
    if output == "json":
        say_json(limit_json(found, leases))
    else:
        limit_fields(found, leases, SystemClock().now_us())


@app.command
async def update(
    name: LimitName,
    *,
    limit: Annotated[int | None, Parameter(name=["--limit", "-l"], help="How many slots there are.")] = None,
    slot_decay_per_second: Decay = None,
    enable: Annotated[bool | None, Parameter(name="--enable", negative="--disable", help="Whether it binds.")] = None,
) -> None:
    """Change what is given of a limit."""
    changes = {"slots": limit, "active": enable}
    given: dict[str, float | bool | None] = {name: value for name, value in changes.items() if value is not None}
    if slot_decay_per_second is not None:
        given["refill"] = slot_decay_per_second or None
    if not given:
        raise Usage("Say what to change: --limit, --slot-decay-per-second, --enable or --disable.")
    await _change(name, **given)
    say(f"Changed limit '{name}'.")


@app.command
async def enable(name: LimitName) -> None:
    """Have a limit bind again."""
    await _change(name, active=True)
    say(f"Limit '{name}' binds.")


@app.command
async def disable(name: LimitName) -> None:
    """Have a limit bind nothing until it is enabled."""
    await _change(name, active=False)
    say(f"Limit '{name}' binds nothing.")


@app.command
async def delete(name: LimitName) -> None:
    """Delete a limit; whoever waits for its slots goes on."""
    async with working() as work:
        await work.delete_limit(the_limit(await work.limits(), name, tag=False).name)
    say(f"Deleted limit '{name}'.")


async def _change(name: str, **changes: float | bool | None) -> None:
    async with working() as work:
        found = the_limit(await work.limits(), name, tag=False)
        await work.save_limit(msgspec.structs.replace(found, **changes))
