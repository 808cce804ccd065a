"""Lists of runs, for people and for programs."""

import sys
from collections.abc import Sequence

from segue.cli.forms import flow_run_json, run_duration, state_cell, task_run_json
from segue.cli.output import Cell, say, say_json, say_table
from segue.cli.session import NothingRecorded
from segue.cli.text import ago
from segue.records import FlowRun, TaskRun

__all__ = ("say_flow_runs", "say_nothing", "say_task_runs")

# Enough of an id to tell runs apart that began in different milliseconds; any command takes it for the whole.
SHORT_ID = 13


def say_flow_runs(runs: Sequence[FlowRun], now: int, output: str) -> None:
    """Print flow runs."""
    if output == "json":
        say_json([flow_run_json(run) for run in runs])
    elif not runs:
        say("No flow runs.")
    else:
        say_table(
            ["Id", "Flow", "Name", "State", "When", "Duration"],
            [[_id(run), run.flow_name, run.name, *_life(run, now)] for run in runs],
            shrink=["Flow", "Name"],
        )


def say_task_runs(runs: Sequence[TaskRun], now: int, output: str) -> None:
    """Print task runs."""
    if output == "json":
        say_json([task_run_json(run) for run in runs])
    elif not runs:
        say("No task runs.")
    else:
        say_table(
            ["Id", "Task", "Name", "State", "When", "Duration"],
            [[_id(run), run.task_name, run.name, *_life(run, now)] for run in runs],
            shrink=["Task", "Name"],
        )


def say_nothing(nothing: NothingRecorded, output: str) -> None:
    """Print the list of runs that there is before the first one."""
    if output == "json":
        say_json([])
    else:
        say(str(nothing))


def _life(run: FlowRun | TaskRun, now: int) -> list[Cell | str]:
    since = run.started or run.created
    return [state_cell(run.state), "" if since is None else ago(since, now), run_duration(run, now)]


def _id(run: FlowRun | TaskRun) -> Cell:
    return Cell(run.id[:SHORT_ID] if sys.stdout.isatty() else run.id, "dim")
