"""segue artifact: what runs have left to look at, listed, inspected, deleted."""

from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.arguments import Limit, OutputForm
from segue.cli.artifact_forms import artifact_json, artifact_row, say_artifact
from segue.cli.errors import Usage
from segue.cli.listing import say_nothing
from segue.cli.output import say, say_json, say_table
from segue.cli.runs import Runs, open_runs
from segue.cli.session import NothingRecorded
from segue.records.artifacts import Artifact, ArtifactType
from segue.store.artifacts import ArtifactFilter
from segue_events import SystemClock

__all__ = ("app",)

PAGE = 200

app = App(name="artifact", help="What runs have left to look at: list, inspect, delete.", help_epilogue="")

Key = Annotated[str, Parameter(help="The key that the artifacts were left under; an id will do as well.")]


@app.command
async def ls(
    *,
    every: Annotated[
        bool, Parameter(name=["--all", "-a"], negative=(), help="Older ones of a key too, and those without one.")
    ] = False,
    kind: Annotated[
        list[ArtifactType] | None, Parameter(name="--type", negative=(), help="Only those of this type.")
    ] = None,
    flow_run: Annotated[str | None, Parameter(help="All that this flow run has left.")] = None,
    limit: Limit = 100,
    output: OutputForm = "text",
) -> None:
    """List the latest artifact of each key, the latest first."""
    latest = not every and flow_run is None
    try:
        async with open_runs() as runs:
            run = "" if flow_run is None else (await runs.flow_run(flow_run)).id
            wanted = ArtifactFilter(types=tuple(kind or ()), flow_run=run, latest=latest)
            found = (await runs.artifacts(wanted, limit)).items
    except NothingRecorded as nothing:
        say_nothing(nothing, output)
        return
    if output == "json":
        say_json([artifact_json(one) for one in found])
    elif not found:
        say("No artifacts." if not latest else "No artifacts with a key; `segue artifact ls --all` lists all.")
    else:
        now = SystemClock().now_us()
        say_table(["Id", "Key", "Type", "Updated"], [artifact_row(one, now) for one in found], shrink=["Key"])
        if latest:
            say("The latest of each key; `segue artifact inspect KEY` shows its history.")


@app.command
async def inspect(key: Key, *, limit: Limit = 10, output: OutputForm = "text") -> None:
    """Show the artifacts of a key, the latest first."""
    async with open_runs() as runs:
        found = (await runs.artifacts(ArtifactFilter(key=key), limit)).items or [await runs.artifact(key)]
    if output == "json":
        say_json([artifact_json(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            say()
        say_artifact(one, SystemClock().now_us())


@app.command
async def delete(
    key: Key | None = None,
    *,
    single: Annotated[str | None, Parameter(name="--id", help="The id of a single one to delete.")] = None,
) -> None:
    """Delete all artifacts of a key, or the one of an id."""
    if (key is None) == (single is None):
        raise Usage("Say which artifacts to delete: segue artifact delete KEY, or segue artifact delete --id ID.")
    async with open_runs(to_change=True) as runs:
        found = [await runs.artifact(single)] if single is not None else await _of_key(runs, key or "")
        for one in found:
            await runs.delete_artifact(one)
    if single is not None:
        say(f"Deleted artifact {single}.")
    else:
        say(f"Deleted {len(found)} {'artifact' if len(found) == 1 else 'artifacts'} of the key '{key}'.")


async def _of_key(runs: Runs, key: str) -> list[Artifact]:
    found: list[Artifact] = []
    cursor: str | None = None
    while True:
        page = await runs.artifacts(ArtifactFilter(key=key), PAGE, cursor)
        found += page.items
        if (cursor := page.next) is None:
            break
    # Where the key is of none, this says so.
    return found or [await runs.artifact(key)]
