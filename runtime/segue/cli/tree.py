"""A flow run as a tree of steps, folded from its events; pure, so that it can be drawn anywhere.

A step is all runs of one task in one place: the tasks that one step calls are its children. A map of 10,000 is
therefore one step with counts, and what is kept grows with the flow's code and its running tasks, not with its history.
"""

from collections.abc import Iterator

from segue.cli.output import Cell
from segue.cli.text import clean_line, duration
from segue.run_events import reason
from segue_events import Event

__all__ = ("FINAL", "STYLES", "RunTree", "Step")

FINAL = frozenset({"completed", "failed", "crashed", "cancelled"})

STYLES = {
    "scheduled": "yellow",
    "pending": "dim",
    "running": "blue",
    "paused": "yellow",
    "cancelling": "yellow",
    "completed": "green",
    "failed": "red",
    "crashed": "magenta",
    "cancelled": "dim",
}
_ICONS = {"scheduled": "↻", "paused": "‖", "completed": "✓", "failed": "✗", "crashed": "✗", "cancelled": "∅"}
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BAR = 20


# What each kind of event about a run is about, and the type of state it tells of.
_KINDS = {f"{noun}.{type_}": (noun, type_) for noun in ("flow-run", "task-run") for type_ in STYLES}


class Run:
    """What is remembered of a run that has not ended; `type` is "" before its first state."""

    __slots__ = ("label", "name", "step", "type")

    def __init__(self, step: "Step", name: str) -> None:
        self.step = step
        self.name = name
        self.type = ""
        self.label = ""


class Step:
    """All runs of one task in one place of the tree: how many are in each type of state, and in each with a name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.run_name = name
        self.children: dict[str, Step] = {}
        self.types = dict.fromkeys(STYLES, 0)
        self.labels: dict[str, int] = {}
        self.started: int | None = None
        self.ended: int | None = None
        self.note = ""

    def child(self, name: str) -> "Step":
        """The step of this name below this one; made when it is not there."""
        step = self.children.get(name)
        if step is None:
            step = self.children[name] = Step(name)
        return step

    @property
    def total(self) -> int:
        """How many runs there are."""
        return sum(self.types.values())

    @property
    def done(self) -> int:
        """How many of them have ended."""
        return sum(self.types[kind] for kind in FINAL)

    @property
    def type(self) -> str:
        """The state of the step as a whole: the worst of the ended ones once all have ended."""
        for kind in ("running", "cancelling", "paused", "scheduled", "pending", "crashed", "failed", "cancelled"):
            if self.types[kind]:
                return kind
        return "completed"

    def move(self, run: Run, type_: str, label: str, at: int) -> None:
        """Count a run out of the state it was in and into another, at an instant in µs."""
        if run.type:
            self.types[run.type] -= 1
            if run.label:
                self.labels[run.label] -= 1
        self.types[type_] += 1
        if label:
            self.labels[label] = self.labels.get(label, 0) + 1
        run.type, run.label = type_, label
        if type_ == "running":
            self.started = at if self.started is None else self.started
        elif type_ in FINAL:
            self.ended = at if self.ended is None else max(at, self.ended)


class RunTree:
    """The steps of one flow run."""

    def __init__(self, flow_run_id: str | None = None) -> None:
        """Fold the events of this flow run; None: of the first that begins."""
        self.flow_run_id = flow_run_id
        self.root = Step("")
        self.final: str | None = None
        self._runs: dict[str, Run] = {}

    @property
    def unfinished(self) -> int:
        """How many runs have not ended; the flow run itself stays one of them."""
        return len(self._runs)

    def name_of(self, run_id: str) -> str | None:
        """The name of a run that has not ended, or of the flow run itself; None for any other."""
        run = self._runs.get(run_id)
        return run.name if run else None

    def apply(self, event: Event) -> Step | None:
        """Fold one event; return the step of which it ended a run, if it did."""
        noun, type_ = _KINDS.get(event.kind, ("", ""))
        if not noun:
            return None
        run = self._runs.get(event.subject)
        if run is None:
            begin = self._begin_flow if noun == "flow-run" else self._begin_task
            if (run := begin(event)) is None:
                return None
        self._move(event, run, type_)
        return run.step if type_ in FINAL else None

    def _begin_flow(self, event: Event) -> Run | None:
        name = event.payload.get("flow")
        if name is None:
            return None
        if self.flow_run_id is None:
            self.flow_run_id = event.subject
        if event.subject == self.flow_run_id:
            self.root.name = str(name)
            return self._known(event, self.root)
        above = self._runs.get(str(event.payload.get("parent", "")))
        return None if above is None else self._known(event, above.step.child(str(name)))

    def _begin_task(self, event: Event) -> Run | None:
        name = event.payload.get("task")
        above = self._runs.get(event.payload.get("parent", "")) or self._runs.get(event.run)
        return None if name is None or above is None else self._known(event, above.step.child(str(name)))

    def _known(self, event: Event, step: Step) -> Run:
        step.run_name = str(event.payload.get("name", event.subject))
        run = self._runs[event.subject] = Run(step, step.run_name)
        return run

    def _move(self, event: Event, run: Run, type_: str) -> None:
        payload = event.payload
        # In a run's first event, "name" is the run's name and not its state's.
        label = str(payload.get("name", "")) if run.type else ""
        run.step.move(run, type_, label, event.occurred)
        if type_ != "completed" and payload and (why := reason(payload)):
            run.step.note = _in_one_line(why)
        if event.subject == self.flow_run_id:
            self.final = type_ if type_ in FINAL else None
        elif type_ in FINAL:
            del self._runs[event.subject]

    def lines(self, now: int, height: int = 1000) -> list[list[Cell]]:
        """Draw the tree as at an instant, in µs, in at most `height` lines."""
        drawn = list(_drawn(self.root, now, "", "")) if self.root.total else []
        if len(drawn) <= height:
            return [line for _, line in drawn]
        # Steps that are done need the space least; the root stays.
        room = max(height - 1, 1)
        done = [number for number, (step, _) in enumerate(drawn) if number and step.type == "completed"]
        hidden = set(done[: len(drawn) - room])
        shown = [line for number, (_, line) in enumerate(drawn) if number not in hidden][:room]
        return [*shown, [Cell(f"… {len(drawn) - len(shown)} more steps", "dim")]]


def _in_one_line(text: str) -> str:
    first, *more = text.strip().splitlines() or [""]
    return clean_line(first) + (" …" if more else "")


def _drawn(step: Step, now: int, before: str, below: str) -> Iterator[tuple[Step, list[Cell]]]:
    yield step, [Cell(before, "dim"), *_line(step, now)]
    children = list(step.children.values())
    for number, child in enumerate(children):
        last = number == len(children) - 1
        yield from _drawn(child, now, below + ("└─ " if last else "├─ "), below + ("   " if last else "│  "))


def _line(step: Step, now: int) -> list[Cell]:
    type_ = step.type
    icon = _ICONS.get(type_) or ("·" if type_ == "pending" else _SPINNER[now // 100_000 % len(_SPINNER)])
    cells = [Cell(f"{icon} ", STYLES[type_]), Cell(clean_line(step.name or "…", 60), "bold")]
    if step.total > 1:
        cells += _many(step, now)
    else:
        cells += _single(step, type_)
    if step.started is not None:
        end = step.ended if step.done == step.total and step.ended is not None else now
        cells.append(Cell(f"  {duration(end - step.started)}{_left(step, now)}", "dim"))
    if step.note and type_ != "completed":
        cells.append(Cell(f"  {clean_line(step.note, 120)}", STYLES[type_]))
    return cells


def _single(step: Step, type_: str) -> list[Cell]:
    label = next((label for label, count in step.labels.items() if count), type_)
    shown = [] if step.run_name.startswith(step.name) else [Cell(f" {clean_line(step.run_name, 40)}", "dim")]
    if label not in ("completed", "running"):
        shown.append(Cell(f"  {label}", STYLES[type_]))
    return shown


def _many(step: Step, now: int) -> list[Cell]:
    filled = _BAR * step.done // step.total
    cells = [
        Cell("  "),
        Cell("━" * filled, "green"),
        Cell("─" * (_BAR - filled), "dim"),
        Cell(f" {step.done:,}/{step.total:,}"),
    ]
    for type_, style in STYLES.items():
        if step.types[type_] and type_ not in ("completed", "pending"):
            cells.append(Cell(f"  {step.types[type_]:,} {type_}", style))
    if cached := step.labels.get("Cached"):
        cells.append(Cell(f"  {cached:,} cached", "dim"))
    return cells


def _left(step: Step, now: int) -> str:
    """How long the rest of a map will take if it goes on as it did."""
    rest = step.total - step.done
    if step.total == 1 or not rest or not step.done or step.started is None:
        return ""
    return f", about {duration((now - step.started) * rest // step.done)} left"
