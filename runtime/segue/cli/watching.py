"""A run of another process, watched by its events until it ends."""

import asyncio
from contextlib import aclosing

from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.outcomes import say_outcome
from segue.cli.runs import Runs
from segue.cli.tree import RunTree
from segue.cli.views import View, choose_view
from segue.cli.vigil import Vigil
from segue.records import FlowRun
from segue_events import Clock, Filter

__all__ = ("watch_run",)


async def watch_run(runs: Runs, run: FlowRun, clock: Clock, time_limit: float | None) -> ExitCode:
    """Show a run until it ends; return the exit code of its end.

    Raises CommandFailed when `time_limit` seconds are over, or the process of the run has died.
    """
    tree = RunTree(run.id)
    view = choose_view(tree, clock, watch=True, logs=True)
    try:
        with view.shown():
            async with asyncio.timeout(time_limit):
                await _until_end(runs, run, clock, tree, view)
    except TimeoutError as error:
        raise CommandFailed(
            f"Flow run '{run.name}' has not ended in {time_limit:g} s: it is {tree.root.type}.", ExitCode.TIMEOUT
        ) from error
    return say_outcome(tree)


async def _until_end(runs: Runs, run: FlowRun, clock: Clock, tree: RunTree, view: View) -> None:
    vigil = Vigil(run, clock, is_far=runs.is_far)
    async with aclosing(runs.events(Filter(runs=(run.id,)), await runs.beginning(run))) as batches:
        async for batch in batches:
            if batch:
                view.take(batch)
                vigil.heard()
            elif tree.final is not None:
                return
            else:
                vigil.check()
