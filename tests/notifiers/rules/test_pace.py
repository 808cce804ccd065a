"""How often a rule speaks: debounce, throttle, so many in a time, quiet hours."""

from datetime import time

from segue_notifiers.rules import Escalation, Pace, Quiet

from .story import COMPLETED, Story, at, names, rule

HOUR = 3600.0


# --- debounce ---


def test_a_debounced_group_is_told_of_once_it_is_still() -> None:
    story = Story(rule(pace=Pace(debounce=60)))
    assert story.happens(0, "a") + story.happens(50, "b") + story.passes(109) == []

    [firing] = story.passes(110)

    assert (firing.count, names([firing]), firing.at) == (2, [("a", "b")], at(110))


def test_what_is_over_before_its_group_is_still_is_not_told() -> None:
    story = Story(rule(pace=Pace(debounce=60), recovery=COMPLETED))
    story.happens(0)

    assert story.happens(30, kind="flow-run.completed") == []
    assert story.passes(HOUR) == []
    assert story.book.status()[0].suppressed == 1


# --- throttle ---


def test_a_throttled_group_is_silent_after_it_was_told_of() -> None:
    story = Story(rule(pace=Pace(throttle=60), for_each=("run",)))

    assert names(story.happens(0, "a")) == [("a",)]
    assert story.happens(59, "b") == []
    assert names(story.happens(59, "c", run="other")) == [("c",)]
    assert names(story.happens(60, "d")) == [("d",)]


def test_a_flapping_flow_does_not_get_round_its_throttle() -> None:
    story = Story(rule(pace=Pace(throttle=600), recovery=COMPLETED))
    told = story.happens(0) + story.happens(10, kind="flow-run.completed")

    told += story.happens(20) + story.happens(30, kind="flow-run.completed")

    assert [firing.reason for firing in told] == ["matched", "recovered"]


# --- so many in a time ---


def test_what_is_above_the_limit_is_told_as_one_digest() -> None:
    story = Story(rule(pace=Pace(most=6, per=60)))
    told = [firing for number in range(10_000) for firing in story.happens(number / 1000, str(number))]

    [digest] = story.passes(HOUR)

    assert [firing.reason for firing in told] == ["matched"] * 6
    assert (digest.reason, digest.count, digest.at, digest.group) == ("digest", 9_994, at(60), ())
    assert names([digest]) == [tuple(map(str, range(9_990, 10_000)))]


def test_after_the_time_a_rule_may_speak_again() -> None:
    story = Story(rule(pace=Pace(most=1, per=60)))
    story.happens(0)

    assert len(story.happens(60)) == 1
    assert story.passes(HOUR) == []


def test_a_digest_nobody_asked_for_is_told_before_what_comes_next() -> None:
    story = Story(rule(pace=Pace(most=1, per=60)))
    story.happens(0)
    story.happens(1, "a")

    assert [(firing.reason, names([firing])) for firing in story.happens(61, "b")] == [
        ("digest", [("a",)]),
        ("matched", [("b",)]),
    ]


# --- quiet hours; the stories begin at noon, UTC ---

NIGHT = Quiet(begin=time(22), end=time(6))


def test_what_happens_in_quiet_hours_is_told_as_one_digest_at_their_end() -> None:
    story = Story(rule(quiet=NIGHT))

    assert names(story.happens(9.99 * HOUR, "a")) == [("a",)]
    assert story.happens(10 * HOUR, "b") + story.happens(17.99 * HOUR, "c") == []
    [digest] = story.passes(19 * HOUR)
    assert (digest.reason, digest.count, names([digest]), digest.at) == ("digest", 2, [("b", "c")], at(18 * HOUR))
    assert names(story.happens(18 * HOUR, "d")) == [("d",)]


def test_what_is_severe_enough_is_told_all_the_same() -> None:
    quiet = Quiet(begin=time(22), end=time(6), except_for="failure")
    story = Story(rule(quiet=quiet), rule(name="mild", quiet=quiet, severity="warning"))

    assert [firing.rule for firing in story.happens(12 * HOUR)] == ["failures"]
    assert [firing.rule for firing in story.passes(19 * HOUR)] == ["mild"]


def test_quiet_hours_go_by_their_time_zone() -> None:
    story = Story(rule(quiet=Quiet(begin=time(22), end=time(6), timezone="America/New_York")))

    # Noon is 7 in the morning there, and 22 there is 15 hours later.
    assert len(story.happens(0)) == 1
    assert story.happens(15 * HOUR) == []
    assert story.book.next_due() == at(23 * HOUR)


def test_quiet_hours_of_a_friday_end_on_saturday() -> None:
    story = Story(rule(quiet=Quiet(begin=time(22), end=time(6), days=("fri",))))
    friday = 3 * 24 * HOUR

    assert len(story.happens(friday - 13 * HOUR)) == 1
    assert story.happens(friday + 12 * HOUR) == []
    assert len(story.happens(friday + 36 * HOUR)) == 2


def test_quiet_hours_that_follow_each_other_are_one() -> None:
    story = Story(rule(quiet=Quiet(begin=time(0), end=time(0), days=("sat", "sun"))))
    saturday, monday = 3.5 * 24 * HOUR, 5.5 * 24 * HOUR
    story.happens(saturday, "a")
    story.happens(monday - 1, "b")

    [digest] = story.passes(monday + HOUR)

    assert (digest.at, names([digest])) == (at(monday), [("a", "b")])


def test_a_digest_whose_time_falls_into_quiet_hours_is_told_at_their_end() -> None:
    story = Story(rule(quiet=NIGHT, pace=Pace(most=1, per=60)))
    story.happens(10 * HOUR - 2)
    story.happens(10 * HOUR - 1, "a")
    story.happens(10 * HOUR + 1, "b")

    [digest] = story.passes(19 * HOUR)

    assert (digest.count, digest.at) == (2, at(18 * HOUR))


def test_a_recovery_in_quiet_hours_is_a_part_of_the_digest() -> None:
    story = Story(rule(quiet=NIGHT, recovery=COMPLETED))
    story.happens(12 * HOUR, "a")
    story.happens(13 * HOUR, "b", "flow-run.completed")

    [digest] = story.passes(19 * HOUR)

    assert (digest.severity, names([digest])) == ("failure", [("a", "b")])


# --- a clock that is set back ---


def test_a_throttle_lasts_no_longer_since_the_clock_was_set_back() -> None:
    story = Story(rule(pace=Pace(throttle=60)))
    story.happens(2 * HOUR)

    assert len(story.happens(HOUR, "a")) == 1
    assert story.happens(HOUR + 59, "b") == []


def test_a_digest_waits_no_longer_since_the_clock_was_set_back() -> None:
    story = Story(rule(pace=Pace(most=1, per=60)))
    story.happens(2 * HOUR, "a")
    story.happens(2 * HOUR, "b")

    told = story.happens(HOUR, "c")

    assert [(it.reason, names([it])) for it in told] == [("digest", [("b",)]), ("matched", [("c",)])]


# --- escalation ---

TWO_STEPS = (Escalation(after=900, tags=("lead",)), Escalation(after=3600, tags=("head",), severity="warning"))


def test_what_nobody_acknowledges_is_told_to_further_people() -> None:
    story = Story(rule(escalate=TWO_STEPS))
    [first] = story.happens(0, "a")

    told = story.passes(2 * HOUR)

    assert [(it.reason, it.level, it.tags, it.severity, it.at) for it in told] == [
        ("escalated", 1, ("lead",), "failure", at(900)),
        ("escalated", 2, ("head",), "warning", at(3600)),
    ]
    assert names(told) == [("a",), ("a",)]
    assert len({first.id, *(it.id for it in told)}) == 3


def test_further_failures_do_not_put_the_escalation_off() -> None:
    story = Story(rule(escalate=TWO_STEPS))
    story.happens(0, "a")
    story.happens(800, "b")

    assert names(story.passes(1000)) == [("a",)]


def test_a_recovery_ends_the_escalation() -> None:
    story = Story(rule(escalate=TWO_STEPS, recovery=COMPLETED))
    story.happens(0)
    story.happens(800, kind="flow-run.completed")

    assert story.passes(2 * HOUR) == []


def test_after_it_was_acknowledged_the_next_failure_begins_anew() -> None:
    story = Story(rule(escalate=TWO_STEPS))
    story.happens(0, "a")
    story.book.acknowledge("failures", (), at(60))
    story.happens(600, "b")

    assert [(it.at, it.news[0].event.id) for it in story.passes(HOUR)] == [(at(1500), "b")]


def test_what_is_gathered_is_not_escalated_but_its_digest_is() -> None:
    story = Story(rule(escalate=TWO_STEPS[:1], for_each=("run",), pace=Pace(most=1, per=60)))
    for number in range(5):
        story.happens(number, run=str(number))

    told = story.passes(2 * HOUR)

    assert [(it.reason, it.group, it.count) for it in told] == [
        ("digest", (), 4),
        ("escalated", ("0",), 1),
        ("escalated", (), 4),
    ]


def test_a_digest_is_escalated_until_all_has_recovered() -> None:
    story = Story(rule(escalate=TWO_STEPS[:1], for_each=("run",), recovery=COMPLETED, pace=Pace(most=1, per=60)))
    for run in "abc":
        story.happens(0, run, run=run)
    assert [it.reason for it in story.passes(60)] == ["digest"]

    for second, run in enumerate("abc", 100):
        story.happens(second, kind="flow-run.completed", run=run)

    assert story.passes(2 * HOUR) == []


def test_quiet_hours_put_an_escalation_off() -> None:
    story = Story(rule(escalate=TWO_STEPS[:1], quiet=NIGHT))
    story.happens(10 * HOUR - 60)

    assert [it.at for it in story.passes(19 * HOUR)] == [at(18 * HOUR)]


def test_steps_that_were_slept_through_are_taken_at_once() -> None:
    story = Story(rule(escalate=TWO_STEPS))
    story.happens(0)

    assert [it.level for it in story.book.due(at(24 * HOUR))] == [1, 2]
