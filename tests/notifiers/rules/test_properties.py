"""Rules against models that try everything, and against restarts at any point."""

from collections import Counter
from datetime import time
from itertools import combinations
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from segue_notifiers.firing import Firing
from segue_notifiers.rules import (
    Compound,
    Condition,
    Daily,
    Escalation,
    Match,
    Pace,
    Proactive,
    Quiet,
    Reactive,
    Rule,
    RuleBook,
    Sequence,
)

from .story import COMPLETED, FAILED, Story, at, names, rule

RUNNING = Match(kinds=("flow-run.running",))
KINDS = ("flow-run.failed", "flow-run.completed", "flow-run.running")
DAY = 24 * 3600


class Step(NamedTuple):
    """Something happens so many seconds after what came before, and is seen so much later."""

    after: int
    kind: str
    run: str
    late: int = 0


def steps(longest: int = 30, late: int = 0, most_runs: int = 2) -> st.SearchStrategy[list[Step]]:
    gaps, runs = st.integers(0, longest), st.sampled_from("abc"[:most_runs])
    return st.lists(st.builds(Step, gaps, st.sampled_from(KINDS), runs, st.integers(0, late)), max_size=40)


def told_by(story: Story, happenings: list[Step], restarts: frozenset[int] = frozenset()) -> list[Firing]:
    """All that is told while these things happen and in the week after, with a restart before some of them."""
    told, now = list[Firing](), 0.0
    told += story.passes(now)
    for number, step in enumerate(happenings):
        if number in restarts:
            story.restarts()
        now += step.after
        told += story.passes(now)
        told += story.happens(now - step.late, str(number), step.kind, seen=now, run=step.run)
    if len(happenings) in restarts:
        story.restarts()
    return told + story.passes(now + 7 * DAY)


def times_of(happenings: list[Step]) -> list[int]:
    """When each happened, in seconds after noon."""
    return [sum(step.after for step in happenings[: number + 1]) - it.late for number, it in enumerate(happenings)]


@given(steps(late=40), st.integers(1, 4), st.integers(1, 60))
def test_so_many_within_a_time(happenings: list[Step], count: int, within: int) -> None:
    story = Story(rule(when=Reactive(on=FAILED, count=count, within=within)))
    times, open_since = times_of(happenings), list[int]()
    expected: list[str] = []
    for number, step in enumerate(happenings):
        if step.kind == "flow-run.failed":
            open_since.append(number)
            latest = max(times[one] for one in open_since)
            # What had passed out of the time before does not come back in.
            open_since = [one for one in open_since if latest - times[one] <= within]
            if len(open_since) >= count:
                expected.append(str(number))
                open_since = []

    fired = [one for one in told_by(story, happenings) if one.reason == "matched"]

    assert len(fired) == len(expected)
    assert all(firing.count == count for firing in fired)
    assert all(last in ids for last, ids in zip(expected, names(fired), strict=True))


@given(steps(), st.lists(st.sampled_from(KINDS), min_size=2, max_size=3), st.integers(1, 60))
def test_events_in_an_order(happenings: list[Step], kinds: list[str], within: int) -> None:
    condition = Sequence(steps=tuple(Match(kinds=(kind,)) for kind in kinds), within=within)
    times, begin = times_of(happenings), 0
    expected: list[str] = []
    for number in range(len(happenings)):
        earlier = combinations(range(begin, number), len(kinds) - 1)
        chains = [(*chain, number) for chain in earlier]
        if any(
            [happenings[one].kind for one in chain] == kinds and times[number] - times[chain[0]] <= within
            for chain in chains
        ):
            expected.append(str(number))
            begin = number + 1

    told = told_by(Story(rule(when=condition)), happenings)

    assert [ids[-1] for ids in names(told)] == expected


@given(steps(late=40), st.integers(1, 60))
def test_what_does_not_follow(happenings: list[Step], within: int) -> None:
    condition = Proactive(expect=COMPLETED, after=RUNNING, within=within)
    times, expected = times_of(happenings), set[str]()
    for number, step in enumerate(happenings):
        answers = [
            times[later]
            for later in range(number + 1, len(happenings))
            if (happenings[later].kind, happenings[later].run) == ("flow-run.completed", step.run)
            # What is seen after one has said that it is missing comes too late.
            and times[later] + happenings[later].late < times[number] + within + 2
        ]
        if step.kind == "flow-run.running" and not any(0 <= it - times[number] <= within for it in answers):
            expected.add(str(number))

    told = told_by(Story(rule(when=condition, for_each=("run",))), happenings)

    assert sorted(ids[0] for ids in names(told)) == sorted(expected)


@given(steps(most_runs=3), st.integers(0, 60), st.integers(1, 5), st.integers(1, 90))
def test_throttle_and_limit(happenings: list[Step], throttle: int, most: int, per: int) -> None:
    story = Story(rule(for_each=("run",), pace=Pace(throttle=throttle, most=most, per=per)))
    times, silent = times_of(happenings), dict[str, int]()
    begun, told_since = -DAY, 0
    singly, dropped, gathered = list[str](), 0, Counter[int]()
    for number, step in enumerate(happenings):
        now = times[number]
        if step.kind != "flow-run.failed":
            continue
        if silent.get(step.run, -DAY) > now:
            dropped += 1
            continue
        silent[step.run] = now + throttle
        if now >= begun + per:
            begun, told_since = now, 0
        told_since += 1
        if told_since > most:
            gathered[begun] += 1
        else:
            singly.append(str(number))

    told = told_by(story, happenings)

    assert [ids for one in told if one.reason == "matched" for ids in names([one])] == [(one,) for one in singly]
    assert [one.count for one in told if one.reason == "digest"] == [gathered[one] for one in sorted(gathered)]
    assert story.book.status()[0].suppressed == dropped


paces = st.builds(
    Pace,
    debounce=st.sampled_from([0, 20]),
    throttle=st.sampled_from([0, 40]),
    most=st.integers(0, 3),
    per=st.sampled_from([30, 600]),
)
quiets = st.none() | st.builds(
    Quiet,
    begin=st.sampled_from([time(12), time(12, 5), time(22)]),
    end=st.sampled_from([time(12, 3), time(6)]),
    except_for=st.sampled_from([None, "failure"]),
)


@given(steps(longest=200, most_runs=3), paces, quiets, st.sampled_from([1, 2]))
def test_every_event_is_told_gathered_or_dropped_and_only_once(
    happenings: list[Step], pace: Pace, quiet: Quiet | None, count: int
) -> None:
    when = Reactive(on=FAILED, count=count, within=DAY * 7)
    story = Story(rule(when=when, for_each=("run",), pace=pace, quiet=quiet))

    told = told_by(story, happenings)

    failures = Counter(step.run for step in happenings if step.kind == "flow-run.failed")
    complete = sum(number - number % count for number in failures.values())
    assert sum(firing.count for firing in told) + story.book.status()[0].suppressed == complete
    news = [one.event.id for firing in told for one in firing.news]
    assert len(news) == len(set(news))
    assert len({firing.id for firing in told}) == len(told)


matches = st.sampled_from([FAILED, COMPLETED, RUNNING])
reactives = st.builds(Reactive, on=matches, count=st.integers(1, 3), within=st.sampled_from([30, 300]))
sequences = st.builds(Sequence, steps=st.tuples(matches, matches), within=st.sampled_from([30, 300]))
followers = st.builds(Proactive, expect=matches, after=matches, within=st.sampled_from([30, 300]))
nightly = st.just(Proactive(expect=COMPLETED, by=Daily(at=time(12, 10)), within=120))
parts = reactives | sequences | followers
compounds = st.builds(
    Compound,
    parts=st.tuples(parts, parts),
    require=st.sampled_from(["all", "any", 2]),
    within=st.sampled_from([30, 300]),
)
conditions: st.SearchStrategy[Condition] = parts | nightly | compounds
rules: st.SearchStrategy[Rule] = st.builds(
    lambda when, for_each, recovery, pace, quiet, escalate: rule(
        when=when,
        for_each=() if isinstance(when, Proactive) and when.by else for_each,
        recovery=recovery,
        pace=pace,
        quiet=quiet,
        escalate=escalate,
    ),
    conditions,
    st.sampled_from([(), ("run",)]),
    st.none() | st.just(COMPLETED),
    paces,
    quiets,
    st.sampled_from([(), (Escalation(after=60, tags=("a",)), Escalation(after=300, tags=("b",)))]),
)


@settings(max_examples=300)
@given(rules, steps(longest=100, late=10), st.frozensets(st.integers(0, 40), min_size=1))
def test_a_restart_at_any_point_changes_nothing(one: Rule, happenings: list[Step], restarts: frozenset[int]) -> None:
    assert told_by(Story(one), happenings, restarts) == told_by(Story(one), happenings)


@given(rules, steps(longest=100, late=10), st.integers(0, 40), st.integers(0, 1000))
def test_what_is_reckoned_anew_after_a_crash_has_the_same_ids(
    one: Rule, happenings: list[Step], crash: int, later: int
) -> None:
    story = Story(msgspec.structs.replace(one, pace=Pace(), quiet=None))
    told_by(story, happenings[:crash])
    times, now = times_of(happenings), 7 * DAY + sum(step.after for step in happenings)

    def batch(seen: int) -> list[str]:
        return [
            firing.id
            for number, step in enumerate(happenings[crash:], start=crash)
            for firing in story.happens(times[number], str(number), step.kind, seen=seen, run=step.run)
        ]

    snapshot = story.book.snapshot()
    ids = batch(now)
    story.book = RuleBook(story.rules, snapshot)

    assert batch(now + later) == ids


@given(rules, steps(longest=100, late=10), st.integers(0, 3 * DAY))
def test_what_was_due_is_done_at_once(one: Rule, happenings: list[Step], slept: int) -> None:
    story = Story(one)
    for number, (step, now) in enumerate(zip(happenings, times_of(happenings), strict=True)):
        story.happens(now, str(number), step.kind, run=step.run)
    now = at(sum(step.after for step in happenings) + slept)

    story.book.due(now)

    due = story.book.next_due()
    assert due is None or due > now
