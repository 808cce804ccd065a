"""RuleBook: what comes goes in, what is to be told comes out."""

from segue_events import Event
from segue_notifiers.firing import News
from segue_notifiers.rules import Escalation, Match, Pace, Reactive, RuleBook, RuleStatus
from segue_notifiers.subject import Subject

from .story import COMPLETED, FAILED, NOON, Story, at, names, news, rule

DAY = 24 * 3600.0
ESCALATE = (Escalation(after=900, tags=("lead",)),)


def own(kind: str, **payload: object) -> News:
    return News(Event(kind=kind, payload=payload, id=kind), Subject(noun="rule", name="failures"))


def test_what_a_rule_matches_is_told() -> None:
    [firing] = Story(rule()).happens(0, "e")

    assert (firing.rule, firing.reason, firing.count, firing.severity) == ("failures", "matched", 1, "failure")
    assert (firing.group, firing.level, firing.at) == ((), 0, NOON)


def test_what_it_does_not_match_is_not() -> None:
    assert Story(rule()).happens(0, kind="flow-run.completed") == []


def test_two_rules_are_told_in_their_order() -> None:
    told = Story(rule(name="b"), rule(name="a")).happens(0)

    assert [firing.rule for firing in told] == ["b", "a"]


def test_a_rule_that_is_switched_off_says_nothing() -> None:
    story = Story(rule(enabled=False))

    assert (story.happens(0), story.book.status()) == ([], [])


def test_the_same_firing_has_the_same_id_and_another_has_another() -> None:
    first, again, other = (Story(rule()).happens(0, name)[0].id for name in ("e", "e", "f"))

    assert first == again != other


def test_a_part_is_told_with_its_whole_only() -> None:
    story = Story(rule())

    assert story.happens(0, parent="task") == []
    assert (
        story.book.see(News(Event(kind="flow-run.failed", run="r", subject="s"), Subject(noun="n", name="x")), 0) == []
    )


def test_a_rule_may_want_parts_too() -> None:
    [firing] = Story(rule(parts=True)).happens(0, parent="task")

    assert firing.reason == "matched"


def test_what_is_long_over_is_not_told_but_counted() -> None:
    story = Story(rule())

    assert len(story.happens(0, seen=DAY)) == 1
    assert story.happens(0, seen=DAY + 1) == []
    assert story.book.status()[0].suppressed == 1


def test_the_book_wants_the_kinds_of_its_rules_and_what_acknowledges_and_mutes() -> None:
    book = RuleBook([rule(recovery=COMPLETED)])

    kinds = ["flow-run.failed", "flow-run.completed", "notification.acknowledged", "rule.muted"]
    assert [kind for kind in [*kinds, "flow-run.running", "notification.sent"] if book.wants(Event(kind=kind))] == kinds


def test_the_book_does_not_want_parts_that_no_rule_wants() -> None:
    part = Event(kind="flow-run.failed", run="r", subject="s")

    assert not RuleBook([rule()]).wants(part)
    assert RuleBook([rule(), rule(name="all", parts=True)]).wants(part)


def test_own_notifications_never_reach_a_rule() -> None:
    # A rule that would be refused when it is saved.
    book = RuleBook([rule(when=Reactive(on=Match()), parts=True)])

    assert book.see(own("notification.dead"), NOON) == []
    assert not book.wants(Event(kind="notification.dead"))


def test_an_event_asks_for_its_subject_only_if_a_rule_does() -> None:
    by_flow = Reactive(on=Match(kinds=("flow-run.failed",), flows=("etl",)))

    assert not RuleBook([rule(parts=True)]).needs_subject(Event(kind="flow-run.failed"))
    assert RuleBook([rule(parts=True, when=by_flow)]).needs_subject(Event(kind="flow-run.failed"))
    assert RuleBook([rule()]).needs_subject(Event(kind="flow-run.failed"))


# --- recovery ---


def test_a_group_that_was_told_of_is_told_as_recovered_once() -> None:
    story = Story(rule(recovery=COMPLETED, for_each=("flow",)))
    story.happens(0, flow="etl")

    [firing] = story.happens(1, "ok", "flow-run.completed", flow="etl")

    assert (firing.reason, firing.severity, firing.group, names([firing])) == (
        "recovered",
        "success",
        ("etl",),
        [("ok",)],
    )
    assert story.happens(2, kind="flow-run.completed", flow="etl") == []


def test_what_was_never_told_does_not_recover() -> None:
    story = Story(rule(recovery=COMPLETED, for_each=("flow",)))
    story.happens(0, flow="etl")

    assert story.happens(1, kind="flow-run.completed", flow="report") == []


def test_a_recovery_is_told_at_once_however_much_was_told() -> None:
    story = Story(rule(recovery=COMPLETED, for_each=("run",), pace=Pace(most=1, throttle=600)))
    story.happens(0, run="a")
    story.happens(1, run="b")

    told = story.happens(2, kind="flow-run.completed", run="a") + story.happens(3, kind="flow-run.completed", run="b")

    # The second is told too: its failure will be, in the digest.
    assert [(firing.reason, firing.group) for firing in told] == [("recovered", ("a",)), ("recovered", ("b",))]


# --- muting and acknowledging ---


def test_a_muted_rule_says_nothing_until_it_speaks_again() -> None:
    story = Story(rule())
    story.book.see(own("rule.muted", rule="failures", until=at(60)), NOON)

    assert story.happens(59) == []
    assert len(story.happens(60)) == 1
    assert story.book.status()[0].suppressed == 1


def test_a_rule_can_be_unmuted_before_its_time() -> None:
    story = Story(rule())
    story.book.mute("failures", at(3600))
    story.book.see(own("rule.muted", rule="failures", until=0), NOON)

    assert len(story.happens(1)) == 1


def test_a_digest_falls_silent_with_its_rule() -> None:
    story = Story(rule(pace=Pace(most=1, per=60)))
    story.happens(0)
    story.happens(1)
    story.book.mute("failures", at(3600))

    assert story.passes(3600) == []
    assert story.book.status()[0].suppressed == 1


def test_acknowledging_without_a_group_ends_the_escalation_of_all() -> None:
    story = Story(rule(escalate=ESCALATE, for_each=("run",)))
    story.happens(0, run="a")
    story.happens(0, run="b")
    story.book.see(own("notification.acknowledged", rule="failures"), at(1))

    assert story.passes(3600) == []


def test_acknowledging_a_group_ends_the_escalation_of_that_one() -> None:
    story = Story(rule(escalate=ESCALATE, for_each=("run",)))
    story.happens(0, run="a")
    story.happens(0, run="b")
    story.book.see(own("notification.acknowledged", rule="failures", group=["a"]), at(1))

    assert [firing.group for firing in story.passes(3600)] == [("b",)]


def test_nonsense_in_what_acknowledges_and_mutes_changes_nothing() -> None:
    story = Story(rule())
    for payload in ({}, {"rule": 5}, {"rule": "failures", "until": "soon"}, {"rule": "other", "until": at(60)}):
        story.book.see(own("rule.muted", **payload), NOON)
        story.book.see(own("notification.acknowledged", **payload, group="a"), NOON)

    assert len(story.happens(1)) == 1


def test_the_status_tells_how_each_rule_stands() -> None:
    story = Story(rule(recovery=COMPLETED, for_each=("run",)), rule(name="other", when=Reactive(on=COMPLETED)))
    story.happens(0, run="a")
    story.book.mute("other", at(60))

    assert story.book.status() == [
        RuleStatus("failures", 0, (("a",),), 0),
        RuleStatus("other", at(60), (), 0),
    ]


# --- snapshots ---


def test_a_snapshot_of_other_rules_is_taken_as_far_as_it_goes() -> None:
    twice = Reactive(on=FAILED, count=2, within=60)
    old = RuleBook([rule(when=twice), rule(name="gone"), rule(name="changed", when=twice)])
    old.see(news("a"), NOON)

    new = RuleBook(
        [rule(when=twice), rule(name="changed", when=Reactive(on=FAILED, count=2, within=30))], old.snapshot()
    )

    assert [firing.rule for firing in new.see(news("b", 1), at(1))] == ["failures"]


def test_a_rule_that_was_changed_stays_muted() -> None:
    old = RuleBook([rule()])
    old.mute("failures", at(60))

    new = RuleBook([rule(for_each=("run",))], old.snapshot())

    assert new.status()[0].muted_until == at(60)


def test_a_broken_snapshot_begins_anew() -> None:
    half = RuleBook([rule()]).snapshot()[:-20]

    for broken in (
        b"",
        b"null",
        b"{",
        half,
        b'{"version":1,"rules":{"failures":{"groups":5}}}',
        b'{"version":9,"rules":{}}',
    ):
        assert len(RuleBook([rule()], broken).see(news(), NOON)) == 1


# --- what is remembered is bounded ---


def test_groups_with_nothing_to_remember_are_forgotten() -> None:
    story = Story(rule(for_each=("run",), pace=Pace(throttle=60)))
    for number in range(2_000):
        story.happens(number, run=str(number))

    assert len(story.book.snapshot()) < 100_000


def test_of_too_many_groups_the_oldest_are_forgotten() -> None:
    story = Story(rule(for_each=("run",), recovery=COMPLETED))
    for number in range(10_001):
        story.happens(number / 100, run=str(number))

    groups = story.book.status()[0].open_groups
    assert (len(groups), groups[-1]) == (9_000, ("10000",))


def test_of_too_many_alarms_the_oldest_are_given_up() -> None:
    story = Story(rule(for_each=("run",), escalate=ESCALATE))
    for number in range(10_001):
        story.happens(number / 100_000, run=str(number))

    told = story.passes(3600)
    assert (len(told), told[0].group) == (9_001, ("1000",))
