"""segue events: the stream of all that happens."""

import json
import sys
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from segue.cli.arguments import OutputForm
from segue.cli.errors import Usage
from segue.cli.output import Cell, say, say_json
from segue.cli.runs import open_runs
from segue.cli.text import clean_line, instant, iso
from segue.cli.tree import STYLES
from segue_events import Cursor, Event, Filter

__all__ = ("app",)

app = App(name="events", help="The stream of all that happens.", help_epilogue="")


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """Which events are wanted, from where, and until when."""

    kind: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Only events of this kind: 'task-run.*', or '!log.*' for all others."),
    ] = None
    run: Annotated[
        str | None, Parameter(help="Only events of this flow run: its id, the beginning of it, or its name.")
    ] = None
    from_: Annotated[
        str | None, Parameter(name="--from", help="Where to begin: behind a cursor, or at start (0); by default now.")
    ] = None
    follow: Annotated[bool, Parameter(help="Wait for events to come, or stop behind the last one.")] = True
    limit: Annotated[int | None, Parameter(name=["--limit", "-l"], help="Stop after so many events.")] = None
    run_once: Annotated[bool, Parameter(negative=(), help="Stop after one event.")] = False

    @property
    def most(self) -> int | None:
        """How many events at most; raises Usage for less than one."""
        most = 1 if self.run_once else self.limit
        if most is not None and most < 1:
            raise Usage(f"--limit {most} would show nothing; give 1 or more.")
        return most


@app.command
async def stream(
    *, options: Annotated[StreamOptions | None, Parameter(name="*")] = None, output: OutputForm = "text"
) -> None:
    """Print events as they are recorded, by whichever process; Ctrl-C stops it.

    Each event as JSON has its cursor, and the last one is told at the end: --from goes on behind it.
    """
    wanted = options or StreamOptions()
    left = wanted.most
    async with open_runs() as runs:
        of_run = () if wanted.run is None else ((await runs.flow_run(wanted.run)).id,)
        begin = wanted.from_ or ("" if wanted.follow else "start")
        cursor = await runs.place("start" if begin == "0" else begin)
        chosen = Filter(kinds=tuple(wanted.kind or ()), runs=of_run)
        try:
            async with aclosing(runs.events(chosen, cursor)) as batches:
                async for batch in batches:
                    for event in batch[:left]:
                        cursor = msgspec.structs.replace(cursor, seq=event.seq)
                        _show(event, cursor, output)
                    left = None if left is None else left - len(batch)
                    if (left is not None and left <= 0) or not (batch or wanted.follow):
                        return
        finally:
            sys.stdout.flush()
            say(Cell(f"To go on from here: segue events stream --from {cursor}", "dim"), file=sys.stderr)


def _show(event: Event, cursor: Cursor, output: str) -> None:
    if output == "json":
        say_json({**_as_json(event), "cursor": str(cursor)}, indent=None)
        return
    about = event.subject or event.run
    say(
        Cell(f"{event.seq:>8}  {instant(event.occurred)}  ", "dim"),
        Cell(f"{clean_line(event.kind):<22}", STYLES.get(event.kind.partition(".")[2], "")),
        Cell(f"  {clean_line(about)}  ", "dim"),
        clean_line(json.dumps(event.payload, ensure_ascii=False), 400),
    )


def _as_json(event: Event) -> dict[str, Any]:
    return {
        "seq": event.seq,
        "id": event.id,
        "occurred": iso(event.occurred),
        "kind": event.kind,
        "run": event.run,
        "subject": event.subject,
        "payload": event.payload,
    }
