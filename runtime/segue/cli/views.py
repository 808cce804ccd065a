"""How a run is shown while it runs: a live tree on a terminal, plain lines elsewhere."""

import sys
import threading
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol, TextIO

from segue.cli.forms import log_cells
from segue.cli.output import Cell, in_colour, say
from segue.cli.text import clean, clock_time, duration
from segue.cli.tree import RunTree, Step
from segue_events import Clock, Event

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ("PlainView", "TreeView", "View", "choose_view")

# Of a run that has ended, so many lines are drawn; one that is running has the height of the terminal.
FINAL_HEIGHT = 200


class View(Protocol):
    """Shows a run by its events."""

    def take(self, events: Sequence[Event]) -> None:
        """Show what these events changed; from any thread, but one at a time."""
        ...

    def shown(self) -> AbstractContextManager[object]:
        """Show the run inside of the block."""
        ...


def choose_view(tree: RunTree, clock: Clock, *, watch: bool, logs: bool) -> View:
    """Choose how to show a run.

    Without `logs` the run is one of this process, whose console has its log lines on standard error: what is shown
    goes there too. With `logs` they are shown, and all goes to standard output.
    """
    if not watch:
        return HiddenView(tree)
    stream = sys.stdout if logs else sys.stderr
    return TreeView(tree, clock, stream, logs=logs) if stream.isatty() else PlainView(tree, stream, logs=logs)


class HiddenView:
    """Only follows what happens to the run."""

    def __init__(self, tree: RunTree) -> None:
        self._tree = tree

    def take(self, events: Sequence[Event]) -> None:
        """Fold the events."""
        for event in events:
            self._tree.apply(event)

    def shown(self) -> AbstractContextManager[object]:
        """Show nothing."""
        return nullcontext()


class PlainView:
    """Says in lines what is done: of each task its first run, then round numbers of runs, at last all of them."""

    def __init__(self, tree: RunTree, stream: TextIO, *, logs: bool) -> None:
        self._tree = tree
        self._stream = stream
        self._logs = logs
        self._told: dict[Step, int] = {}

    def take(self, events: Sequence[Event]) -> None:
        """Say what the events changed."""
        for event in events:
            step = self._tree.apply(event)
            if event.kind == "log.written" and self._logs:
                say(*log_line(event, self._tree.name_of(event.subject)), file=self._stream)
            elif step is not None and step is self._tree.root:
                self._say_rest(step, event.occurred)
            elif step is not None and (step.total == 1 or _is_round(step.done)):
                self._say_progress(step, event.occurred)

    def shown(self) -> AbstractContextManager[object]:
        """Lines need nothing around them."""
        return nullcontext()

    def _say_rest(self, above: Step, now: int) -> None:
        for step in above.children.values():
            if self._told.get(step) != step.done:
                self._say_progress(step, now)
            self._say_rest(step, now)

    def _say_progress(self, step: Step, now: int) -> None:
        self._told[step] = step.done
        bad = [f"{step.types[type_]:,} {type_}" for type_ in ("failed", "crashed", "cancelled") if step.types[type_]]
        what = step.type if step.total == 1 else ", ".join([f"{step.done:,} of {step.total:,} ended", *bad])
        took = f" ({duration((step.ended or now) - step.started)})" if step.started is not None else ""
        say(Cell(f"{clock_time(now)} | ", "dim"), f"{step.name}: {what}{took}", file=self._stream)


class TreeView:
    """Draws the run as a tree on the terminal, eight times a second, below all that is printed meanwhile."""

    def __init__(self, tree: RunTree, clock: Clock, stream: TextIO, *, logs: bool) -> None:
        # rich costs 60 ms, and only a terminal needs it.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        self._tree = tree
        self._clock = clock
        self._logs = logs
        self._text = Text
        # Held while the tree changes or is drawn, never while something is printed: printing draws.
        self._lock = threading.Lock()
        self._ended = False
        self._console = Console(file=stream, no_color=not in_colour(stream), highlight=False)
        self._live = Live(
            get_renderable=self._drawing,
            console=self._console,
            refresh_per_second=8,
            redirect_stdout=sys.stdout.isatty(),
            vertical_overflow="crop",
        )

    def take(self, events: Sequence[Event]) -> None:
        """Fold the events; the next drawing shows them."""
        lines: list[list[Cell]] = []
        with self._lock:
            for event in events:
                if self._logs and event.kind == "log.written":
                    lines.append(log_line(event, self._tree.name_of(event.subject)))
                self._tree.apply(event)
        for line in lines:
            self._console.print(self._assembled(line), soft_wrap=True)

    @contextmanager
    def shown(self) -> Generator[None]:
        """Draw inside of the block; the last drawing stays, in full."""
        with self._live:
            # A process that is killed cannot bring a hidden cursor back.
            self._console.show_cursor(True)
            try:
                yield
            finally:
                self._ended = True

    def _drawing(self) -> "Text":
        height = FINAL_HEIGHT if self._ended else self._console.size.height - 1
        with self._lock:
            lines = self._tree.lines(self._clock.now_us(), height)
        drawing = self._text("\n").join(self._assembled(line) for line in lines)
        drawing.no_wrap, drawing.overflow = True, "ellipsis"
        return drawing

    def _assembled(self, line: Sequence[Cell]) -> "Text":
        return self._text.assemble(*((cell.text, cell.style) for cell in line))


def log_line(event: Event, run_name: str | None) -> list[Cell]:
    """Write the log line that an event tells of."""
    payload = event.payload
    return log_cells(
        event.occurred, payload.get("level", 0), run_name or event.subject[:8], clean(str(payload.get("message", "")))
    )


def _is_round(number: int) -> bool:
    """Whether a number is 10, 20, 50, 100, 200 and so on."""
    return number >= 10 and str(number).rstrip("0") in ("1", "2", "5")
