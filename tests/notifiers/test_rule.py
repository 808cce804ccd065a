"""When to speak."""

from typing import Any

from segue_events import Event, Filter
from segue_notifiers import Rule, Subject, decide

NOW = 1_764_072_000_000_000
RULE = Rule(name="failures", filter=Filter(kinds=("*-run.failed",)))
FLOW = Subject(noun="flow run", name="etl/brave-otter")


def event(kind: str = "flow-run.failed", run: str = "r", subject: str = "r", **fields: Any) -> Event:
    return Event(kind=kind, run=run, subject=subject, occurred=NOW, id="e", **fields)


def test_what_the_filter_picks_is_told() -> None:
    message = decide(RULE, event(), FLOW, NOW)

    assert message is not None
    assert (message.id, message.title) == ("failures:e", "Flow run etl/brave-otter failed")


def test_what_the_filter_leaves_is_not() -> None:
    assert decide(RULE, event("flow-run.completed"), FLOW, NOW) is None


def test_a_subflow_is_told_of_with_its_root_only() -> None:
    assert decide(RULE, event(), Subject(noun="flow run", name="load", parent="t"), NOW) is None


def test_a_task_run_within_a_flow_is_not_told_of() -> None:
    assert decide(RULE, event("task-run.failed", subject="t"), Subject(noun="task run", name="fetch-0"), NOW) is None


def test_a_task_run_outside_any_flow_is() -> None:
    told = decide(RULE, event("task-run.failed", run="", subject="t"), Subject(noun="task run", name="fetch-0"), NOW)

    assert told is not None
    assert told.title == "Task run fetch-0 failed"


def test_a_rule_may_want_parts_too() -> None:
    rule = Rule(name="all", filter=RULE.filter, parts=True)

    assert decide(rule, event("task-run.failed", subject="t"), FLOW, NOW) is not None


def test_what_is_long_over_is_not_told() -> None:
    day = 24 * 3600 * 1_000_000

    assert decide(RULE, event(), FLOW, NOW + day) is not None
    assert decide(RULE, event(), FLOW, NOW + day + 1) is None
