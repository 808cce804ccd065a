"""How a flow run that was shown ended: a sentence and an exit code."""

from segue.cli.errors import CommandFailed
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, say
from segue.cli.text import duration
from segue.cli.tree import STYLES, RunTree

__all__ = ("say_outcome",)


def say_outcome(tree: RunTree) -> ExitCode:
    """Say how the flow run ended, and where to read more; return the exit code for it.

    Raises CommandFailed when no end of it is known.
    """
    run, type_ = tree.root, tree.final
    if type_ is None:
        raise CommandFailed("The flow run has ended, but its end is not in the journal.", ExitCode.JOURNAL)
    took = f" after {duration(run.ended - run.started)}" if run.started is not None and run.ended is not None else ""
    label = next((label for label, count in run.labels.items() if count and label != type_), "")
    named = f"{type_} ({label})" if label else type_
    note = f": {run.note}" if run.note and type_ != "completed" else ""
    say(Cell(f"Flow run '{run.run_name}' of '{run.name}' {named}{took}{note or '.'}", STYLES[type_]))
    say(Cell(f"segue flow-run inspect {tree.flow_run_id}", "dim"))
    return ExitCode.OK if type_ == "completed" else ExitCode.RUN_FAILED
