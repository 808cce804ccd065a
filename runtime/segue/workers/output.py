"""Output: what a run's process writes becomes log lines of the run, and is shown where the worker runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from segue.backend import Backend
from segue.logging import capped, visible
from segue.recording import backend_of
from segue.records.work import Claim
from segue.run_events import log_line
from segue.settings import Settings

__all__ = ("MARK", "RunOutput", "run_sink", "show")

MARK = "\x1e"
"""Stands before a line that the run has logged by itself, and that is only to be shown."""

LOGGER = "segue.output"
"""The logger that these lines seem to come from."""

_INFO, _WARNING = 20, 30

MAX_RUN_BYTES = 100 * 1024 * 1024
"""So much of one run's output is kept; the rest is counted."""

Show = Callable[[str, str], None]
"""Shows a line of the run of this name."""


class RunOutput:
    """Cuts the output of one run into lines. Never waits: a run is not held up by what it prints."""

    def __init__(self, claim: Claim, backend: Callable[[], Backend], max_line_bytes: int, show: Show) -> None:
        self._claim = claim
        self._backend = backend
        self._max_line = max_line_bytes
        self._show = show
        self._rest = b""
        self._kept = 0
        self._left_out = 0

    def take(self, data: bytes) -> None:
        """Take what was written; the last line may have no end yet."""
        *lines, rest = (self._rest + data).split(b"\n")
        if len(rest) > self._max_line:
            lines.append(rest)
            rest = b""
        self._rest = rest
        for line in lines:
            self._line(line)

    def end(self) -> None:
        """Take the last line as it is; say how much was left out."""
        if self._rest:
            rest, self._rest = self._rest, b""
            self._line(rest)
        if self._left_out:
            text = f"{self._left_out} lines of output were left out: a run may write {MAX_RUN_BYTES:,} bytes."
            self._publish(text, _WARNING)

    def _line(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").rstrip("\r")
        if text.startswith(MARK):
            self._show(self._claim.run_name, text[len(MARK) :])
            return
        self._show(self._claim.run_name, visible(text))
        if self._kept + len(line) > MAX_RUN_BYTES:
            self._left_out += 1
        elif text.strip():
            self._kept += len(line)
            self._publish(capped(text, self._max_line), _INFO)

    def _publish(self, text: str, level: int) -> None:
        backend = self._backend()
        line: dict[str, Any] = {"run_id": self._claim.run_id, "subject": self._claim.run_id}
        backend.publish(log_line(**line, level=level, logger=LOGGER, message=text, occurred=backend.clock.now_us()))


def run_sink(settings: Settings, show: Show) -> Callable[[Claim], tuple[Callable[[bytes], None], Callable[[], None]]]:
    """Return what makes, for a claimed run, what takes its output, and what is called at its end.

    The journal, or the link to the server, is opened with the first line.
    """

    def sink(claim: Claim) -> tuple[Callable[[bytes], None], Callable[[], None]]:
        made = RunOutput(claim, lambda: backend_of(settings), settings.logging_max_line_bytes, show)
        return made.take, made.end

    return sink


def show(run_name: str, line: str) -> None:
    """Show a line on standard error."""
    sys.stderr.write(f"{line}\n")
