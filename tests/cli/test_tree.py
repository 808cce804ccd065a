"""The tree of a run, folded from events by hand."""

from typing import Any

from segue.cli.tree import RunTree, Step
from segue_events import Event

SECOND = 1_000_000


class Story:
    """Tells a tree what happened, one event a second."""

    def __init__(self, flow_run_id: str | None = None) -> None:
        self.tree = RunTree(flow_run_id)
        self.now = 0

    def tell(self, kind: str, subject: str, *, run: str = "F", **payload: Any) -> Step | None:
        self.now += SECOND
        return self.tree.apply(Event(kind=kind, run=run, subject=subject, payload=payload, occurred=self.now))

    def flow(self) -> None:
        self.tell("flow-run.pending", "F", flow="etl", name="brave-otter")
        self.tell("flow-run.running", "F")

    def task(self, id_: str, task: str, *states: str, parent: str = "") -> None:
        self.tell("task-run.pending", id_, task=task, name=f"{task}-0", parent=parent)
        for state in states:
            self.tell(f"task-run.{state}", id_)

    def drawn(self, height: int = 1000) -> list[str]:
        return ["".join(cell.text for cell in line) for line in self.tree.lines(self.now, height)]


def test_a_flow_with_its_tasks_in_order_of_their_beginning() -> None:
    story = Story()
    story.flow()
    story.task("a", "load", "running", "completed")
    story.task("b", "train", "running")

    assert story.drawn() == ["⠋ etl brave-otter  5.0 s", "├─ ✓ load  1.0 s", "└─ ⠋ train  0 ms"]


def test_a_map_is_one_line_with_counts_and_a_bar() -> None:
    story = Story()
    story.flow()
    for number in range(10_000):
        story.task(str(number), "fetch", *(["running", "completed"] if number < 2500 else []))
    story.tell("task-run.running", "2500")
    story.tell("task-run.failed", "2500", error={"type": "OSError", "message": "no route\nto host"})
    story.tell("task-run.running", "2501")

    line = story.drawn()[1]

    assert line.startswith("└─ ⠋ fetch  ━━━━━─────────────── 2,501/10,000  1 running  1 failed  4 h 10 min, about 12 h")
    assert line.endswith("left  OSError: no route …")
    assert len(story.drawn()) == 2


def test_what_a_task_calls_stands_below_it_however_often_it_runs() -> None:
    story = Story()
    story.flow()
    for parent in ("a", "b"):
        story.task(parent, "outer", "running")
        story.task(f"{parent}1", "inner", "running", "completed", parent=parent)

    lines = story.drawn()

    assert lines[1].startswith("└─ ⠋ outer")
    assert lines[2].startswith("   └─ ✓ inner  ━━━━━━━━━━━━━━━━━━━━ 2/2")


def test_a_subflow_stands_below_what_calls_it_and_its_tasks_below_it() -> None:
    story = Story("F")
    story.flow()
    story.tell("flow-run.pending", "S", run="S", flow="child", name="calm-yak", parent="F", root="F")
    story.tell("flow-run.running", "S", run="S")
    story.tell("task-run.pending", "x", run="S", task="inside", name="inside-0")

    assert story.drawn()[1:] == ["└─ ⠋ child calm-yak  1.0 s", "   └─ · inside  pending"]


def test_other_runs_of_the_journal_change_nothing() -> None:
    story = Story("F")
    story.flow()

    assert story.tell("flow-run.pending", "G", run="G", flow="other", name="x") is None
    assert story.tell("task-run.pending", "y", run="G", task="t", name="t-0") is None
    assert story.tell("log.written", "F", message="hello") is None
    assert len(story.drawn()) == 1


def test_a_retry_shows_its_reason_until_it_succeeds() -> None:
    story = Story()
    story.flow()
    story.task("a", "load", "running")
    story.tell("task-run.scheduled", "a", name="AwaitingRetry", message="ValueError: not yet")
    waiting = story.drawn()[1]
    story.tell("task-run.running", "a", attempt=2, name="Retrying")
    story.tell("task-run.completed", "a")

    assert waiting == "└─ ↻ load  AwaitingRetry  1.0 s  ValueError: not yet"
    assert story.drawn()[1] == "└─ ✓ load  3.0 s"


def test_an_error_without_a_text_gives_way_to_the_message() -> None:
    story = Story()
    story.flow()
    story.tell(
        "flow-run.crashed", "F", message="Cancelled from outside.", error={"type": "CancelledError", "message": ""}
    )

    assert story.drawn()[0].endswith("Cancelled from outside.")


def test_the_end_of_the_flow_run_is_known_and_a_retry_of_it_takes_it_back() -> None:
    story = Story()
    story.flow()
    story.tell("flow-run.failed", "F", message="1 of 2 task runs failed")
    failed = story.tree.final
    story.tell("flow-run.running", "F", attempt=2)

    assert failed == "failed"
    assert story.tree.final is None


def test_of_a_tree_that_is_too_high_the_steps_that_are_done_go_first() -> None:
    story = Story()
    story.flow()
    for number in range(20):
        story.task(str(number), f"step{number}", "running", *([] if number in (3, 17) else ["completed"]))

    lines = story.drawn(height=5)

    assert len(lines) == 5
    assert "etl" in lines[0]
    assert any("step3 " in line for line in lines)
    assert any("step17 " in line for line in lines)
    assert lines[-1] == "… 17 more steps"


def test_names_and_messages_of_users_cannot_reach_the_terminal() -> None:
    story = Story()
    story.tell("flow-run.pending", "F", flow="e\x1b[2Jtl", name="\x07")
    story.tell("flow-run.failed", "F", message="\x1b]0;title\x07")

    assert "\x1b" not in story.drawn()[0]
    assert "e␛[2Jtl" in story.drawn()[0]


def test_only_runs_that_have_not_ended_are_remembered() -> None:
    story = Story()
    story.flow()
    for number in range(500):
        story.task(str(number), "fetch", "running", "completed")

    assert story.tree.unfinished == 1
