"""When a rule fires: so many events, what has not come, an order of events, several of these together."""

from datetime import time

from segue_notifiers.rules import Compound, Daily, Match, Pace, Proactive, Reactive, Sequence

from .story import COMPLETED, FAILED, Story, at, names, rule

HOUR = 3600.0
DAY = 24 * HOUR
STARTED = Match(kinds=("flow-run.running",))


# --- reactive ---


def test_so_many_events_within_the_time_fire_and_counting_begins_anew() -> None:
    story = Story(rule(when=Reactive(on=FAILED, count=3, within=60)))
    assert story.happens(0, "a") + story.happens(30, "b") == []

    [firing] = story.happens(60, "c")

    assert (firing.count, names([firing])) == (3, [("a", "b", "c")])
    assert story.happens(61, "d") + story.happens(62, "e") == []
    assert names(story.happens(63, "f")) == [("d", "e", "f")]


def test_events_that_are_too_far_apart_do_not_count_together() -> None:
    story = Story(rule(when=Reactive(on=FAILED, count=2, within=60)))

    assert story.happens(0, "a") + story.happens(60.5, "b") == []
    assert names(story.happens(100, "c")) == [("b", "c")]


def test_each_group_counts_by_itself() -> None:
    story = Story(rule(when=Reactive(on=FAILED, count=2, within=60), for_each=("flow",)))
    story.happens(0, "a", flow="etl")

    assert story.happens(1, "b", flow="report") == []
    assert [it.group for it in story.happens(2, "c", flow="etl")] == [("etl",)]


def test_what_is_seen_late_counts_at_its_own_time() -> None:
    story = Story(rule(when=Reactive(on=FAILED, count=2, within=60)))
    story.happens(100, "new")

    assert story.happens(10, "old", seen=101) == []
    assert names(story.happens(120, "newer")) == [("new", "newer")]


def test_what_is_all_seen_late_counts_together_although_others_were_seen_in_time() -> None:
    """As from a machine that was cut off for an hour, and tells the rest then."""
    story = Story(rule(when=Reactive(on=FAILED, count=2, within=60), for_each=("flow",)))
    story.happens(HOUR, "now", flow="report")

    assert story.happens(0, "a", seen=HOUR, flow="etl") == []
    assert names(story.happens(30, "b", seen=HOUR, flow="etl")) == [("a", "b")]


def test_a_clock_that_runs_ahead_does_not_stop_the_counting() -> None:
    story = Story(rule(when=Reactive(on=FAILED, count=3, within=60)))
    story.happens(9_999, "ahead", seen=0)
    story.happens(1, "a")

    assert len(story.happens(2, "b")) == 1


# --- proactive, after an event ---

FOLLOWS = Proactive(expect=COMPLETED, after=STARTED, within=600)


def test_what_does_not_follow_in_time_is_missing() -> None:
    story = Story(rule(when=FOLLOWS, for_each=("run",)))
    story.happens(0, "start", "flow-run.running", run="a")
    assert story.passes(601) == []

    [firing] = story.passes(700)

    assert (firing.reason, firing.group, names([firing])) == ("missing", ("a",), [("start",)])
    # A moment later, since what came in time may be committed late.
    assert at(600) < firing.at <= at(605)


def test_what_follows_in_time_is_not_missing() -> None:
    story = Story(rule(when=FOLLOWS, for_each=("run",)))
    story.happens(0, kind="flow-run.running", run="a")
    story.happens(600, kind="flow-run.completed", run="a")

    assert story.passes(DAY) == []


def test_what_follows_too_late_was_missing_and_is_the_good_news() -> None:
    story = Story(rule(when=FOLLOWS, for_each=("run",), recovery=COMPLETED))
    story.happens(0, kind="flow-run.running", run="a")

    told = story.happens(700, kind="flow-run.completed", run="a")

    assert [it.reason for it in told] == ["missing", "recovered"]


def test_what_came_before_does_not_follow() -> None:
    story = Story(rule(when=FOLLOWS))
    story.happens(-1, kind="flow-run.completed")
    story.happens(0, kind="flow-run.running")
    story.happens(-1, kind="flow-run.completed", seen=1)

    assert len(story.passes(DAY)) == 1


def test_a_heartbeat_that_stops_is_missing() -> None:
    beat = Match(kinds=("worker.beat",))
    story = Story(rule(when=Proactive(expect=beat, after=beat, within=60)))
    for second in range(0, 300, 50):
        assert story.happens(second, kind="worker.beat") + story.passes(second) == []

    assert names(story.passes(DAY)) == [("at 250",)]


# --- proactive, by a time of day; the stories begin at noon, UTC ---

NIGHTLY = Proactive(expect=COMPLETED, by=Daily(at=time(6)))
SIX = 18 * HOUR


def test_what_does_not_come_by_its_time_is_missing_day_after_day() -> None:
    story = Story(rule(when=NIGHTLY))
    story.passes(0)

    told = story.passes(SIX + 2.5 * DAY)

    # Of the first day nothing can be said, since it was not watched whole.
    assert [(it.reason, it.news) for it in told] == [("missing", ()), ("missing", ())]
    assert [it.at // at(0) for it in told] == [1, 1]
    assert len({it.id for it in told}) == 2


def test_what_comes_by_its_time_is_not_missing() -> None:
    story = Story(rule(when=NIGHTLY))
    story.passes(0)
    for day in range(5):
        assert story.passes(SIX + day * DAY - 1) == []
        story.happens(SIX + day * DAY, kind="flow-run.completed")


def test_what_comes_too_early_does_not_count() -> None:
    story = Story(rule(when=Proactive(expect=COMPLETED, by=Daily(at=time(6)), within=4 * HOUR)))
    story.passes(0)
    story.happens(SIX - 4.5 * HOUR, kind="flow-run.completed")

    assert len(story.passes(SIX + HOUR)) == 1


def test_only_on_its_days_something_is_expected() -> None:
    sundays = Daily(at=time(6), days=("sun",))
    story = Story(rule(when=Proactive(expect=COMPLETED, by=sundays, within=HOUR)))
    story.passes(0)

    # Noon is a Tuesday's.
    assert story.passes(SIX + 3.9 * DAY) == []
    assert len(story.passes(SIX + 4.1 * DAY)) == 1


def test_what_was_slept_through_is_reckoned_by_when_it_happened() -> None:
    story = Story(rule(when=NIGHTLY))
    story.passes(0)
    late = SIX + 4 * DAY
    for day in (1, 3):
        story.happens(SIX + day * DAY - HOUR, kind="flow-run.completed", seen=late)

    # The second day's is missing, but so long ago that nobody needs to know.
    assert story.book.due(at(late)) == []
    assert story.book.status()[0].suppressed == 1


def test_of_a_run_that_comes_late_one_hears_that_all_is_well() -> None:
    story = Story(rule(when=NIGHTLY, recovery=COMPLETED))
    story.passes(0)
    story.passes(SIX + DAY + 60)

    assert [it.reason for it in story.happens(SIX + DAY + HOUR, kind="flow-run.completed")] == ["recovered"]


def test_one_has_to_be_asked_at_once_to_know_when_it_begins() -> None:
    story = Story(rule(when=NIGHTLY))

    assert story.book.next_due() == 0
    story.book.due(at(0))
    assert story.book.next_due() == at(SIX + 2)


# --- sequence ---

RETRIED = Sequence(steps=(FAILED, STARTED, FAILED), within=600)


def test_events_in_their_order_fire() -> None:
    story = Story(rule(when=RETRIED))
    assert story.happens(0, "a") + story.happens(1, "b", "flow-run.running") == []

    [firing] = story.happens(600, "c")

    assert (firing.count, names([firing])) == (3, [("a", "b", "c")])


def test_events_in_another_order_do_not() -> None:
    story = Story(rule(when=RETRIED))
    story.happens(0, kind="flow-run.running")

    assert story.happens(1) + story.happens(2) == []


def test_the_last_step_has_to_come_in_time_after_the_first() -> None:
    story = Story(rule(when=RETRIED))
    story.happens(0, "a")
    story.happens(500, "b", "flow-run.running")

    assert story.happens(601, "c") == []
    assert names([*story.happens(700, "d", "flow-run.running"), *story.happens(800, "e")]) == [("c", "d", "e")]


def test_the_latest_beginning_is_the_one_that_counts() -> None:
    story = Story(rule(when=RETRIED))
    story.happens(0, "a")
    story.happens(500, "b")
    story.happens(550, "c", "flow-run.running")

    assert names(story.happens(700, "d")) == [("b", "c", "d")]


# --- compound ---

TWO_FLOWS = (
    Reactive(on=Match(kinds=("flow-run.failed",), flows=("etl",))),
    Reactive(on=Match(kinds=("flow-run.failed",), flows=("report",))),
)


def test_all_parts_have_to_come_true_within_the_time() -> None:
    story = Story(rule(when=Compound(parts=TWO_FLOWS, within=600)))

    assert story.happens(0, "a", flow="etl") + story.happens(601, "b", flow="report") == []
    assert names(story.happens(700, "c", flow="etl")) == [("b", "c")]
    assert story.happens(701, flow="report") == []


def test_any_part_is_enough_if_that_is_said() -> None:
    story = Story(rule(when=Compound(parts=TWO_FLOWS, require="any")))

    assert len(story.happens(0, flow="etl")) == len(story.happens(0, flow="report")) == 1


def test_so_many_parts_are_enough_if_that_is_said() -> None:
    never = Reactive(on=Match(kinds=("never.happens",)))
    story = Story(rule(when=Compound(parts=(*TWO_FLOWS, never), require=2, within=600)))
    story.happens(0, flow="etl")

    assert len(story.happens(1, flow="report")) == 1


def test_an_event_that_is_two_parts_is_told_of_once() -> None:
    story = Story(rule(when=Compound(parts=(Reactive(on=FAILED), TWO_FLOWS[0]), within=60)))

    assert names(story.happens(0, "a", flow="etl")) == [("a",)]


def test_a_part_may_be_that_something_is_missing() -> None:
    story = Story(rule(when=Compound(parts=(FOLLOWS, Reactive(on=FAILED)), within=900)))
    story.happens(0, "start", "flow-run.running")
    story.happens(10, "fail")

    assert [(it.reason, names([it])) for it in story.passes(DAY)] == [("matched", [("fail", "start")])]


def test_a_compound_waits_for_its_group_to_be_still() -> None:
    story = Story(rule(when=Compound(parts=TWO_FLOWS, require="any"), pace=Pace(debounce=60)))
    story.happens(0, flow="etl")

    assert len(story.passes(60)) == 1
