"""segue journal: the file of all records."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, fields, say, say_json
from segue.cli.session import reading, writing

__all__ = ("app",)

app = App(name="journal", help="The file of all records: check, rebuild, back up, status.", help_epilogue="")


@app.command
async def check(*, output: OutputForm = "text") -> None:
    """Check that the file is sound, and that its tables of runs say what its events say; exit code 74 if not."""
    async with reading() as (journal, _):
        problems = await journal.check()
        path, head = journal.path, await journal.head()
    if output == "json":
        say_json({"path": str(path), "cursor": str(head), "problems": problems})
    elif not problems:
        say(Cell(f"The journal {path} is sound up to its event {head.seq:,}.", "green"))
    for problem in problems if output == "text" else ():
        say(Cell(problem, "red"))
    if problems:
        raise CommandFailed(
            f"The journal {path} has {len(problems)} problems. `segue journal rebuild` makes its tables anew from its"
            " events; if the file itself is damaged, only a backup helps.",
            ExitCode.JOURNAL,
        )


@app.command
async def rebuild() -> None:
    """Make the tables of runs anew from the events."""
    async with writing() as (journal, _):
        await journal.rebuild()
        head = await journal.head()
        say(f"The tables of {journal.path} are made anew from its {head.seq:,} events.")


@app.command
async def backup(target: Annotated[Path, Parameter(help="The file to write; it must not be there yet.")]) -> None:
    """Copy the journal into a file, whole, while runs may go on writing."""
    if target.exists():
        raise CommandFailed(f"{target} is there already; name a file that is not.", ExitCode.USAGE)
    async with reading() as (journal, _):
        await journal.backup(target)
        say(f"Copied {journal.path} to {target} ({target.stat().st_size:,} bytes).")


@app.command
async def status(*, output: OutputForm = "text") -> None:
    """Show where the journal is, how large, and how far it goes."""
    async with reading() as (journal, _):
        found = await journal.statistics()
        cursor = await journal.head()
    if output == "json":
        say_json({"path": str(journal.path), "cursor": str(cursor), **found._asdict()})
        return
    deleted = f", of which those up to {found.floor:,} are deleted" if found.floor else ""
    fields(
        [
            ("Journal", Cell(str(journal.path), "bold")),
            ("Events", f"{found.head:,}{deleted}"),
            ("Cursor", str(cursor)),
            ("Size", f"{found.bytes:,} bytes, {found.free_bytes:,} of them free"),
            ("Log", f"{found.log_bytes:,} bytes not yet in the file" if found.log_bytes else ""),
        ]
    )
