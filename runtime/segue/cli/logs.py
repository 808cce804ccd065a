"""What a flow run logged: read, or followed while it runs."""

import logging
from collections import deque
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated

import msgspec
from cyclopts import Parameter

from segue.cli.errors import Usage
from segue.cli.forms import log_cells, log_json
from segue.cli.output import say, say_json
from segue.cli.runs import Runs
from segue.cli.vigil import Vigil
from segue.records import FlowRun, LogLine
from segue.run_events import FLOW_RUN_KINDS, LOG_WRITTEN
from segue.states import FINAL_TYPES
from segue.store import TaskRunFilter
from segue.suggestions import did_you_mean
from segue_events import Event, Filter, SystemClock

__all__ = ("LogOptions", "say_logs")

# So many lines where the end or the beginning is asked for without a number.
SCREEN = 20
PAGE = 1000

ENDS = frozenset(FLOW_RUN_KINDS[kind] for kind in FINAL_TYPES)

LEVELS = {name.lower(): getattr(logging, name) for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}


@dataclass(frozen=True, kw_only=True)
class LogOptions:
    """Which lines are wanted, and how."""

    head: Annotated[bool, Parameter(negative=(), help="The first 20 lines, or as many as --num-logs says.")] = False
    tail: Annotated[
        bool, Parameter(name=["--tail", "-t"], negative=(), help="The last 20 lines, or as many as --num-logs says.")
    ] = False
    num_logs: Annotated[int | None, Parameter(name=["--num-logs", "-n"], help="How many lines.")] = None
    reverse: Annotated[bool, Parameter(name=["--reverse", "-r"], negative=(), help="The latest line first.")] = False
    level: Annotated[str, Parameter(help="The least level: debug, info, warning, error, critical.")] = "debug"
    follow: Annotated[
        bool, Parameter(name=["--follow", "-f"], negative=(), help="Go on with what is logged, until the run ends.")
    ] = False

    @property
    def least(self) -> int:
        """The least level, as logging counts it."""
        return LEVELS[self.level.lower()]

    def check(self) -> None:
        """Raise Usage for options that exclude one another, or ask for nothing."""
        if self.head and self.tail:
            raise Usage("--head and --tail exclude one another; give one of them.")
        if self.num_logs is not None and self.num_logs < 1:
            raise Usage(f"--num-logs {self.num_logs} would show nothing; give 1 or more.")
        if self.follow and (self.head or self.reverse):
            raise Usage("--follow goes on at the end; it cannot go with --head or --reverse.")
        if self.level.lower() not in LEVELS:
            raise Usage(
                f"There is no level '{self.level}'.{did_you_mean(self.level.lower(), LEVELS)}"
                f" There are: {', '.join(LEVELS)}."
            )


async def say_logs(runs: Runs, run: FlowRun, wanted: LogOptions, output: str) -> None:
    """Print lines of a flow run and its tasks."""
    lines = await _chosen(runs, run, wanted)
    names = await _names(runs, run, {line.task_run_id for line in lines} - {""})
    for line in reversed(lines) if wanted.reverse else lines:
        _say(line, names, output)
    if wanted.follow:
        await _follow(runs, run, wanted, lines[-1].seq if lines else 0, names, output)


async def _chosen(runs: Runs, run: FlowRun, wanted: LogOptions) -> list[LogLine]:
    count = wanted.num_logs or (SCREEN if wanted.head or wanted.tail else None)
    kept: deque[LogLine] = deque(maxlen=count if wanted.tail else None)
    after = 0
    while wanted.tail or count is None or len(kept) < count:
        lines = await runs.lines(run, after, wanted.least, PAGE)
        if not lines:
            break
        after = lines[-1].seq
        kept.extend(lines)
    return list(kept) if wanted.tail else list(kept)[:count]


async def _names(runs: Runs, run: FlowRun, wanted: set[str]) -> dict[str, str]:
    """Find the names of the flow run and of these task runs of it."""
    names = {"": run.name}
    cursor: str | None = None
    while wanted - names.keys():
        page = await runs.task_runs(TaskRunFilter(flow_run=run.id), PAGE, cursor)
        names.update((task_run.id, task_run.name) for task_run in page.items)
        if (cursor := page.next) is None:
            break
    return names


async def _follow(runs: Runs, run: FlowRun, wanted: LogOptions, after: int, names: dict[str, str], output: str) -> None:
    """Print lines as they come, until the run has ended and all of it was shown."""
    # Asked after the lines were read: an end that this does not know is behind them, where it will be seen.
    ended = (await runs.flow_run(run.id)).state.is_final()
    vigil = Vigil(run, SystemClock(), is_far=runs.is_far)
    begin = await runs.beginning(run)
    if after:
        begin = msgspec.structs.replace(begin, seq=after)
    chosen = Filter(kinds=(LOG_WRITTEN, "flow-run.*"), runs=(run.id,))
    async with aclosing(runs.events(chosen, begin)) as batches:
        async for batch in batches:
            lines = [line_in(event) for event in batch if event.kind == LOG_WRITTEN]
            wished = [line for line in lines if line.level >= wanted.least]
            unknown = {line.task_run_id for line in wished} - names.keys()
            names.update(await _names(runs, run, unknown) if unknown else {})
            for line in wished:
                _say(line, names, output)
            ended = ended or any(event.kind in ENDS for event in batch)
            if batch:
                vigil.heard()
            elif ended:
                return
            else:
                vigil.check()


def line_in(event: Event) -> LogLine:
    """Return the log line that an event tells of."""
    payload = event.payload
    return LogLine(
        seq=event.seq,
        occurred=event.occurred,
        level=payload.get("level", 0),
        logger=payload.get("logger", ""),
        message=payload.get("message", ""),
        flow_run_id=event.run,
        task_run_id="" if event.subject == event.run else event.subject,
    )


def _say(line: LogLine, names: dict[str, str], output: str) -> None:
    if output == "json":
        say_json(log_json(line), indent=None)
        return
    say(*log_cells(line.occurred, line.level, names.get(line.task_run_id, line.task_run_id[:8]), line.message))
