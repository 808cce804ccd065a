"""The rules: what an event costs where there are 1,000 of them, where it concerns none, one, and where all crowd."""

import argparse
import gc
import statistics
import time
from collections.abc import Callable, Sequence

from measure import report

from segue_events import Event
from segue_notifiers.firing import News
from segue_notifiers.rules import Match, Pace, Reactive, Rule, RuleBook, filter_of
from segue_notifiers.subject import Subject

NOON = 1_764_072_000_000_000
LIMIT = 20.0


def rules_of_kinds(n: int) -> list[Rule]:
    """Each on a kind of its own."""
    return [Rule(name=f"rule-{i}", when=Reactive(on=Match(kinds=(f"noun-{i}.failed",)))) for i in range(n)]


def rules_of_flows(n: int) -> list[Rule]:
    """All on the same kind, each on a flow of its own and with its good news."""
    return [
        Rule(
            name=f"rule-{i}",
            when=Reactive(on=Match(kinds=("flow-run.failed", "flow-run.crashed"), flows=(f"flow-{i}",))),
            recovery=Match(kinds=("flow-run.completed",), flows=(f"flow-{i}",)),
            for_each=("flow",),
            pace=Pace(throttle=60, most=20),
        )
        for i in range(n)
    ]


def rules_of_globs(n: int) -> list[Rule]:
    """Each on a glob of kinds, which no table finds."""
    return [Rule(name=f"rule-{i}", when=Reactive(on=Match(kinds=(f"noun-{i}-*.failed",)))) for i in range(n)]


def news_of(kind: Callable[[int], str], n: int) -> list[News]:
    return [
        News(
            Event(kind=kind(i), run=f"run-{i}", subject=f"run-{i}", occurred=NOON + i * 1_000, id=f"event-{i}"),
            Subject(noun="flow run", name=f"flow-{i % 1_000}/brave-otter", flow=f"flow-{i % 1_000}"),
        )
        for i in range(n)
    ]


def cost(rules: Sequence[Rule], news: Sequence[News], repeat: int) -> float:
    """µs of the processor per event: whether it is wanted, and what is told of it; the median of several rounds."""
    rounds: list[float] = []
    for _ in range(repeat):
        book = RuleBook(rules)
        gc.collect()
        began = time.process_time()
        for one in news:
            if book.wants(one.event):
                book.see(one, one.event.occurred)
        rounds.append((time.process_time() - began) / len(news) * 1e6)
    return statistics.median(rounds)


def cost_of_snapshot(rules: Sequence[Rule], news: Sequence[News]) -> float:
    """ms for a snapshot after 100 events have come, once there is one."""
    book = RuleBook(rules)
    book.snapshot()
    rounds: list[float] = []
    for begin in range(0, len(news), 100):
        for one in news[begin : begin + 100]:
            book.see(one, one.event.occurred)
        began = time.process_time()
        book.snapshot()
        rounds.append((time.process_time() - began) * 1e3)
    return statistics.median(rounds)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rules", type=int, default=1_000)
    arguments.add_argument("--events", type=int, default=10_000)
    arguments.add_argument("--repeat", type=int, default=5)
    given = arguments.parse_args()
    n, events = given.rules, given.events

    failed = news_of(lambda _: "flow-run.failed", events)
    unwanted = news_of(lambda _: "log.written", events)
    mixed = news_of(lambda i: "flow-run.failed" if i % 2 else "flow-run.completed", events)
    one = [Rule(name="failures", when=Reactive(on=Match(kinds=("*-run.failed",))), pace=Pace(most=20))]
    figures = {
        "rules": n,
        "unwanted_us": cost(rules_of_flows(n), unwanted, given.repeat),
        "kinds_us": cost(rules_of_kinds(n), news_of(lambda i: f"noun-{i % n}.failed", events), given.repeat),
        "globs_us": cost(rules_of_globs(n), news_of(lambda i: f"noun-{i % 30}-x.failed", events), given.repeat),
        "flows_us": cost(rules_of_flows(n), failed, given.repeat),
        "recoveries_us": cost(rules_of_flows(n), mixed, given.repeat),
        "one_rule_us": cost(one, failed, given.repeat),
        "snapshot_ms": cost_of_snapshot(rules_of_flows(n), failed[:2_000]),
        "limit_us": LIMIT,
    }
    began = time.process_time()
    filter_of(rules_of_flows(n))
    figures["filter_ms"] = (time.process_time() - began) * 1e3
    line = ", ".join(f"{name} {value:.1f}" for name, value in figures.items() if name.endswith(("_us", "_ms")))
    report(f"rules: {n:,} rules, {line}", figures)


if __name__ == "__main__":
    main()
