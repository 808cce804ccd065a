"""segue concurrency-limit: how many runs with a tag may go at a time."""

from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.validators import Number

from segue.cli.arguments import Limit as Most
from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.limit_forms import limit_fields, limit_json, limit_row, the_limit
from segue.cli.output import say, say_json, say_table
from segue.cli.session import working
from segue.records.work import Limit
from segue_events import SystemClock

__all__ = ("app",)

app = App(
    name="concurrency-limit",
    help="How many runs with a tag may go at a time: create, list, inspect, reset, delete.",
    help_epilogue="",
)

Tag = Annotated[str, Parameter(help="The tag.")]


@app.command
async def create(
    tag: Tag,
    concurrency_limit: Annotated[int, Parameter(validator=Number(gte=0), help="How many runs may go at a time.")],
) -> None:
    """Create the limit of a tag, or change it."""
    async with working() as work:
        before = [one for one in await work.limits() if one.name == tag]
        if before and not before[0].tag:
            raise CommandFailed(
                f"'{tag}' is the name of a global limit; `segue global-concurrency-limit update` changes that.",
                ExitCode.RUN_FAILED,
            )
        await work.save_limit(Limit(name=tag, slots=concurrency_limit, tag=True))
    say(f"Of the runs with the tag '{tag}', {concurrency_limit} may go at a time.")


@app.command
async def ls(*, limit: Most = 15, output: OutputForm = "text") -> None:
    """List the limits of tags, with how many of their slots are held."""
    async with working() as work:
        limits = [one for one in await work.limits() if one.tag][:limit]
        leases = await work.leases()
    if output == "json":
        say_json([limit_json(one, leases) for one in limits])
    elif not limits:
        say("No tag has a limit; `segue concurrency-limit create TAG 3` makes one.")
    else:
        say_table(["Tag", "Slots", "Held", "Back a second", "State"], [limit_row(one, leases) for one in limits])


@app.command
async def inspect(tag: Tag, *, output: OutputForm = "text") -> None:
    """Show the limit of a tag, and which runs hold slots of it."""
    async with working() as work:
        found, leases = the_limit(await work.limits(), tag, tag=True), await work.leases(tag)
    if output == "json":
        say_json(limit_json(found, leases))
    else:
        limit_fields(found, leases, SystemClock().now_us())


@app.command
async def reset(tag: Tag) -> None:
    """Free all slots of a tag's limit, whoever holds them."""
    async with working() as work:
        the_limit(await work.limits(), tag, tag=True)
        held = await work.leases(tag)
        for lease in held:
            await work.release(lease.id)
    say(f"Freed what {len(held)} runs held of the limit of the tag '{tag}'.")


@app.command
async def delete(tag: Tag) -> None:
    """Delete the limit of a tag; whoever waits for its slots goes on."""
    async with working() as work:
        await work.delete_limit(the_limit(await work.limits(), tag, tag=True).name)
    say(f"The tag '{tag}' has no limit any more.")
