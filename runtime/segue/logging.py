"""Run loggers: lines logged or printed inside of runs go to the console and, as events, to the journal."""

from __future__ import annotations

import builtins
import contextlib
import logging
import os
import sys
import threading
from collections.abc import Generator, MutableMapping
from datetime import UTC, datetime
from typing import Any

from segue import run_events
from segue.context import FlowRunContext, RunContext, current_run, get_run_context
from segue.records import FlowRun
from segue.settings import get_current_settings

FLOW_RUNS = "segue.flow_runs"
TASK_RUNS = "segue.task_runs"


class _ThisThread(threading.local):
    # What a handler of the user's own prints while it writes a printed line must not become another line.
    is_logging_a_print = False


class RunLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that says which run its lines are about."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the run's ids and names to the line's extra fields."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def get_run_logger(context: RunContext | None = None, **extra: Any) -> RunLogger:
    """Return the logger of the run one is in; MissingContextError outside of runs.

    `extra` fields are added to each of its lines.
    """
    return run_logger(context or get_run_context(), **extra)


def get_logger(name: str | None = None) -> logging.Logger:
    """Return the logger `segue.<name>`, whose lines go to the console only."""
    _configure()
    return logging.getLogger("segue" if name is None else f"segue.{name}")


def run_logger(context: RunContext, **extra: Any) -> RunLogger:
    """Return the logger of this context's run."""
    _configure()
    run = context.run
    if isinstance(run, FlowRun):
        fields = {"flow_run_id": run.id, "flow_run_name": run.name, "flow_name": run.flow_name}
        return RunLogger(logging.getLogger(FLOW_RUNS), {**fields, "run_context": context, **extra})
    fields = {"task_run_id": run.id, "task_run_name": run.name, "task_name": run.task_name}
    return RunLogger(logging.getLogger(TASK_RUNS), {**fields, "run_context": context, **extra})


class JournalHandler(logging.Handler):
    """Publishes a run's log lines as events; a line over the limit is cut, and says by how much."""

    def emit(self, record: logging.LogRecord) -> None:
        """Publish the line; a line outside of any run has no place in the journal."""
        context: RunContext | None = getattr(record, "run_context", None)
        if context is None:
            return
        try:
            self._publish(context, record)
        except Exception:
            self.handleError(record)

    def _publish(self, context: RunContext, record: logging.LogRecord) -> None:
        flow = context if isinstance(context, FlowRunContext) else context.flow_context
        backend, settings = context.world
        event = run_events.log_line(
            run_id=flow.flow_run.id if flow is not None else "",
            subject=context.run.id,
            level=record.levelno,
            logger=record.name,
            message=capped(self.format(record), settings.logging_max_line_bytes),
            occurred=int(record.created * 1e6),
        )
        backend.publish(event)


class ConsoleFormatter(logging.Formatter):
    """`10:00:00.123 | INFO    | Flow run 'brave-otter' - text`, coloured on a terminal."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the line as it is shown; control characters are made visible."""
        at = datetime.fromtimestamp(record.created, UTC).astimezone()
        name = getattr(record, "task_run_name", None)
        who = f"Task run {name!r} - " if name else ""
        if not who and (name := getattr(record, "flow_run_name", None)):
            who = f"Flow run {name!r} - "
        text = visible(super().format(record))
        line = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} | {record.levelname:<7} | {who}{text}"
        paint = _COLOURS.get(record.levelname) if self._colour else None
        return line if paint is None else f"{paint}{line}\x1b[0m"


class StandardError(logging.StreamHandler[Any]):
    """Writes to whatever `sys.stderr` is at the moment, as a test or notebook may replace it."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)

    @property
    def stream(self) -> Any:
        """The stream to write to."""
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        """Ignore what the base class wants to keep."""


def visible(text: str) -> str:
    """Return the text with control characters replaced by pictures of them; tabs and line ends stay."""
    if text.isprintable():
        return text
    return text.translate(_PICTURES)


def capped(text: str, limit: int) -> str:
    """Return the text cut to `limit` bytes of UTF-8, with a note of how many were left out."""
    if len(text) * 4 <= limit:
        return text
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    return f"{data[:limit].decode('utf-8', 'ignore')} … [{len(data) - limit} bytes left out]"


@contextlib.contextmanager
def disable_run_logger() -> Generator[None]:
    """Silence the run loggers inside of the `with`, for tests that call `my_task.fn()`."""
    loggers = [logging.getLogger(name) for name in (FLOW_RUNS, TASK_RUNS)]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def capture_prints() -> None:
    """Make `print` log a line where the run one is in asks for it; elsewhere it stays as it was."""
    global _original_print
    if builtins.print is not _print:
        _original_print = builtins.print
        builtins.print = _print


def _print(
    *values: object, sep: str | None = " ", end: str | None = "\n", file: Any = None, flush: bool = False
) -> None:
    context = current_run.get()
    captured = file in (None, sys.stdout, sys.stderr) and not _this_thread.is_logging_a_print
    if context is None or not context.log_prints or not captured:
        _original_print(*values, sep=sep, end=end, file=file, flush=flush)
        return
    text = (" " if sep is None else sep).join(map(str, values))
    _this_thread.is_logging_a_print = True
    try:
        run_logger(context).info("%s", text)
    finally:
        _this_thread.is_logging_a_print = False


def _takes_colour() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and not os.environ.get("NO_COLOR")


def _configure() -> None:
    """Attach the handlers once: console for all of segue's loggers, the journal for the runs' ones."""
    global _configured
    if _configured:
        return
    with _lock:
        if _configured:
            return
        root = logging.getLogger("segue")
        console = StandardError()
        console.setFormatter(ConsoleFormatter(colour=_takes_colour()))
        root.addHandler(console)
        root.setLevel(get_current_settings().logging_level)
        root.propagate = False
        for name in (FLOW_RUNS, TASK_RUNS):
            logging.getLogger(name).addHandler(JournalHandler())
        _configured = True


_COLOURS = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m", "DEBUG": "\x1b[2m"}
_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_lock = threading.Lock()
_this_thread = _ThisThread()
_configured = False
_original_print = builtins.print
