"""Reasons: how a run's process ended, in a sentence that says what to look at."""

from __future__ import annotations

import signal
from typing import Any

__all__ = ("explained",)

# What the usual exit statuses mean, to those who know no signals by their numbers.
_STATUSES = {
    1: "Python could not record the end of the run; what it said is in the log",
    2: "the command was called in a wrong way",
    125: "the container could not be made",
    126: "its program may not be executed",
    127: "its program was not found",
    137: "it was killed, for want of memory as a rule",
    143: "it was asked to end",
}
_SIGNALS = {
    signal.SIGKILL: "somebody killed it, or the system did for want of memory: its log (dmesg) says so",
    signal.SIGTERM: "somebody asked it to end",
    signal.SIGSEGV: "a library in C has accessed memory that is not its own",
    signal.SIGABRT: "a library in C gave up",
    signal.SIGBUS: "a file that it had mapped became shorter, or memory broke",
    signal.SIGILL: "a library is made for another processor",
    signal.SIGFPE: "a library in C divided by zero",
    signal.SIGXCPU: "it has used up its processor time",
}


def explained(pid: int, end: dict[str, Any] | None) -> str:
    """Return how process `pid` ended, by what its guardian has said: None if that was killed itself."""
    process = f"Process {pid}" if pid else "The process"
    if end is None:
        return f"{process} was ended with its guardian, which somebody killed."
    peak = end.get("peak", 0)
    memory = f" It used up to {peak / 2**20:,.0f} MiB." if peak else ""
    status = int(end.get("status", 0))
    if status < 0:
        return f"{process} was ended by {_signal_name(-status)}: {_of_signal(-status, end.get('cause', ''))}.{memory}"
    if status == 0:
        return f"{process} ended itself, with exit status 0, before the run had ended.{memory}"
    why = _STATUSES.get(status)
    return f"{process} ended with exit status {status}{f': {why}' if why else ''}.{memory}"


def _signal_name(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _of_signal(number: int, cause: str) -> str:
    if cause in ("worker gone", "worker silent"):
        return "its worker was gone" if cause == "worker gone" else "its worker gave no sign of life"
    if cause:
        return "its worker ended it"
    return _SIGNALS.get(signal.Signals(number), "see `man 7 signal`") if number in set(signal.Signals) else "unknown"
