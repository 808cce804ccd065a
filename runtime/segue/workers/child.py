"""The child: the process of one run, from its claim to its recorded end.

Started by the worker's guardian: `python -m segue.workers.child --claim FD --report FD`. The claim, which may hold
secrets, is read from an open file, and not from arguments or environment, which others can see.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from segue import run_events, states
from segue.context import tags
from segue.engine.assignment import assigned
from segue.entrypoints import load_flow
from segue.exceptions import (
    FlowNotFound,
    JournalNotRecorded,
    ParameterBindError,
    SegueError,
    WorkError,
)
from segue.flows import Flow
from segue.logging import get_logger
from segue.recording import backend_of
from segue.records import FlowRun
from segue.records.work import Claim
from segue.settings import get_current_settings
from segue.states import State
from segue.workers.calling import call_to_end
from segue.workers.output import MARK
from segue.workers.pull import arrive
from segue_events import EventsError

__all__ = ("Report", "load", "main", "perform", "read_claim")

# Of a process whose run's end is recorded, however the run has ended; and of one in which that could not be done.
RECORDED, NOT_RECORDED = 0, 1


class Report:
    """Tells the worker, by an inherited pipe, how far the run has come."""

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        if fd is not None:
            # Not for what the run starts.
            os.set_inheritable(fd, False)

    def say(self, word: str) -> None:
        """Say "begun" or "recorded"; a worker that is gone, or elsewhere, need not hear it."""
        if self._fd is None:
            return
        try:
            os.write(self._fd, msgspec.json.encode({word: True}) + b"\n")
        except BrokenPipeError:
            return


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the claimed run; return the exit status: 0 if its end is recorded, whatever it was."""
    parser = argparse.ArgumentParser(prog="python -m segue.workers.child", description=__doc__)
    parser.add_argument("--claim", type=int)
    parser.add_argument("--report", type=int)
    # In a container, which inherits no open files: the claim and the environment, in a file of the container's own.
    parser.add_argument("--handed", type=Path)
    options = parser.parse_args(arguments)
    if options.handed is not None:
        return perform(_handed_over(options.handed), Report(None), load)
    return perform(read_claim(options.claim), Report(options.report), load)


def read_claim(fd: int) -> Claim:
    """Return the claim in the inherited file, and close it."""
    with os.fdopen(fd, "rb") as file:
        return msgspec.json.decode(file.read(), type=Claim)


class _Handed(msgspec.Struct):
    """What a container is handed."""

    claim: Claim
    environ: dict[str, str]


def _handed_over(path: Path) -> Claim:
    """Take what the container was handed: its environment, before any settings are read, and its claim."""
    given = msgspec.json.decode(path.read_bytes(), type=_Handed)
    os.environ.update(given.environ)
    return given.claim


def load(claim: Claim) -> Flow[..., Any]:
    """Go where the claimed run's code is and load its flow; raises StepFailed and FlowNotFound."""
    arrive(claim)
    return load_flow(claim.deployment.entrypoint)


def perform(claim: Claim, report: Report, loaded: Callable[[Claim], Flow[..., Any]]) -> int:
    """Be the claimed run, to its end; return the exit status."""
    _mark_console_lines()
    try:
        try:
            flow = loaded(claim)
        except FlowNotFound as error:
            return _record(claim, states.Failed(message=f"Its flow could not be loaded. {error}"), report)
        except WorkError as error:
            return _record(claim, states.Crashed(message=str(error)), report)
        report.say("begun")
        return _call(flow, claim, report)
    except (SegueError, EventsError) as error:
        sys.stderr.write(f"{error}\n")
        return NOT_RECORDED


def _call(flow: Flow[..., Any], claim: Claim, report: Report) -> int:
    try:
        with assigned(claim), tags(*claim.tags):
            call_to_end(flow, claim.parameters)
    except ParameterBindError as error:
        message = f"Validation of flow parameters failed with error: ParameterBindError: {error}"
        return _record(claim, states.Failed(message=message), report)
    except (JournalNotRecorded, EventsError):
        raise
    except Exception:
        # A generator's own, which is recorded as any run's.
        report.say("recorded")
        return RECORDED
    except BaseException:
        report.say("recorded")
        raise
    report.say("recorded")
    return RECORDED


def _record(claim: Claim, state: State[Any], report: Report) -> int:
    """Record the end of a run whose flow could not be called."""
    backend = backend_of(get_current_settings())
    state.occurred = backend.clock.now_us()
    run = FlowRun(id=claim.run_id, name=claim.run_name, flow_name=claim.flow_name, epoch=claim.epoch)
    backend.publish(run_events.flow_run_state(run, state))
    backend.flush().result()
    report.say("recorded")
    return RECORDED


def _mark_console_lines() -> None:
    """Have log lines marked on their way to the worker's terminal: the journal has got them already.

    Only those of runs have; what else segue has to say is to be kept as any output is.
    """
    root = get_logger()
    for handler in root.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setFormatter(_Marked(handler.formatter or logging.Formatter()))


class _Marked(logging.Formatter):
    """Marks the lines of runs."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """Return what the formatter inside makes of it, each line with the mark before it."""
        text = self._inner.format(record)
        if getattr(record, "run_context", None) is None:
            return text
        return "\n".join(f"{MARK}{line}" for line in text.split("\n"))


if __name__ == "__main__":
    sys.exit(main())
