"""Launcher: starts runs, each somewhere of its own, and knows how they end; as a protocol for the types of workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec

from segue.exceptions import SegueError
from segue.records.work import Claim

__all__ = (
    "GRACE_SECONDS",
    "Ending",
    "LaunchFailed",
    "Launched",
    "Launcher",
    "Output",
    "grace_seconds",
    "seconds_in",
    "text_map",
)

Output = Callable[[bytes], None]
"""Takes what a run's process has written, as it comes: not in whole lines."""

GRACE_SECONDS = 30.0
"""How long a run that is to stop may take, unless its job variable `grace_seconds` says otherwise."""


class LaunchFailed(SegueError):
    """A run cannot be started as its job variables say."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How what was launched has ended: in a sentence, and whether the run had recorded its own end by then.

    `begun` says that the run's code was reached.
    """

    sentence: str
    recorded: bool = False
    begun: bool = False


class Launched(Protocol):
    """A run that was started."""

    async def ended(self) -> Ending:
        """Wait until nothing of it is left; return how it ended."""
        ...

    @property
    def loading(self) -> bool:
        """Whether nothing of the run's own code was reached yet, where that can be known."""
        ...

    def terminate(self) -> None:
        """Ask it to end: the run then says that it was terminated. Does nothing once it has ended."""
        ...

    def kill(self) -> None:
        """End it, with all that it has started. Does nothing once it has ended."""
        ...


class Launcher(Protocol):
    """Starts runs in one way; `type` is that of the pools whose runs it starts."""

    type: str

    def make_ready(self) -> None:
        """Begin to prepare what makes first runs start sooner, if there is such a thing; called once, before any."""
        ...

    async def launch(self, claim: Claim, output: Output) -> Launched:
        """Start a run; raises LaunchFailed."""
        ...

    def keep_alive(self) -> None:
        """Tell whoever guards the runs that their worker is there; called every few seconds."""
        ...

    async def close(self) -> None:
        """Let go of what is kept for further runs; nothing is launched any more."""
        ...


def grace_seconds(variables: Mapping[str, Any]) -> float:
    """Return how long a run with these job variables may take to stop, in seconds; raises LaunchFailed."""
    return seconds_in(variables, "grace_seconds", GRACE_SECONDS)


def seconds_in(variables: Mapping[str, Any], name: str, default: float) -> float:
    """Return a job variable that is a number of seconds; raises LaunchFailed for what is none."""
    given = variables.get(name, default)
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not given >= 0:
        raise LaunchFailed(f"The job variable {name} is {given!r}; it must be a number of seconds, such as 30.")
    return float(given)


def text_map(variables: Mapping[str, Any], name: str) -> dict[str, str]:
    """Return a job variable that maps names to texts, such as `env`; raises LaunchFailed for what is none."""
    try:
        return msgspec.convert(variables.get(name) or {}, dict[str, str], strict=True)
    except msgspec.ValidationError as error:
        raise LaunchFailed(f"The job variable {name} must map names to texts: {error}.") from None
