"""What waits, reckoned from the events of messages."""

import itertools
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from segue_events import Event
from segue_events.event import decode_payload, encode_payload
from segue_notifiers.message import Message
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.fold import Outbox
from segue_notifiers.outbox.records import dead, entry_of, failed, queued, sent


def entry(name: str, target: str = "ops", rule: str = "failures", **more: Any) -> Entry:
    return Entry(
        message=Message(id=name, title=f"about {name}", body="…", rule=rule), target=target, deadline=99, **more
    )


def outbox_of(*events: Event) -> Outbox:
    outbox = Outbox()
    for seq, event in enumerate(events, 1):
        event.seq = seq
        outbox.apply(event)
    return outbox


def ids(outbox: Outbox, target: str = "ops") -> list[str]:
    return [entry.id for entry in outbox.pending(target)]


def test_a_message_is_after_the_journal_what_it_was_before() -> None:
    message = Message(
        id="m", title="t", body="b", severity="warning", markdown="*b*", html="<b>b</b>", run="r", about="s",
        rule="failures", link="https://segue.example/r",
    )  # fmt: skip
    before = Entry(message=message, target="ops", deadline=7, attach=("log",), absorbed=("x", "y"), seq=3)
    event = queued(before, firing="f")

    kept = msgspec.structs.replace(event, payload=decode_payload(encode_payload(event.payload)), seq=3)

    assert entry_of(kept) == before


def test_what_is_sent_or_dead_waits_no_more() -> None:
    outbox = outbox_of(
        queued(entry("a")), queued(entry("b")), queued(entry("c")), sent(entry("a")), dead(entry("c"), "gone")
    )

    assert ids(outbox) == ["b"]
    assert outbox.targets() == ["ops"]


def test_a_failed_one_waits_for_its_next_attempt() -> None:
    outbox = outbox_of(queued(entry("a")), queued(entry("b")), failed(entry("a"), "no", 50))

    [first, _] = outbox.pending("ops")
    assert (first.attempts, first.next_at) == (1, 50)
    assert [found and found.id for found in (outbox.queue("ops").first(49), outbox.queue("ops").first(50))] == [
        "b",
        "a",
    ]
    assert outbox.queue("ops").next_at() is None


def test_a_digest_goes_in_the_stead_of_what_it_absorbed() -> None:
    digest = entry("d", absorbed=("a", "b"))

    assert ids(outbox_of(queued(entry("a")), queued(entry("b")), queued(digest))) == ["d"]
    assert ids(outbox_of(queued(entry("a")), queued(entry("b")), queued(digest), sent(digest))) == []


def test_a_reader_resumes_before_the_earliest_that_waits() -> None:
    assert outbox_of(queued(entry("a")), queued(entry("b")), sent(entry("a"))).resume() == 1
    assert outbox_of(queued(entry("a")), sent(entry("a"))).resume() == 2


def test_what_was_seen_already_changes_nothing() -> None:
    first, then = queued(entry("a")), sent(entry("a"))
    outbox = outbox_of(first, then)

    outbox.apply(first)

    assert ids(outbox) == []


def test_events_that_cannot_be_read_are_passed_over(caplog: Any) -> None:
    strange = [
        Event(kind="notification.queued", payload={"title": 7}),
        Event(kind="notification.sent", payload={}),
        Event(kind="notification.failed", payload={"message": "a", "attempt": "x", "next": None}),
        Event(kind="notification.failed", payload={"message": {"no": "id"}}),
    ]

    assert ids(outbox_of(queued(entry("a")), *strange)) == ["a"]
    assert "cannot be read" in caplog.text


STEPS = st.lists(st.tuples(st.sampled_from("qsfd"), st.integers(0, 8), st.integers(0, 100)), max_size=60)


@given(STEPS, st.integers(0, 60))
def test_the_outbox_is_what_a_list_would_say_from_wherever_one_resumes(
    steps: list[tuple[str, int, int]], stop: int
) -> None:
    model: dict[str, int] = {}
    events: list[Event] = []
    known: set[str] = set()
    for verb, number, instant in steps:
        name = str(number)
        if verb == "q" and name not in known:
            # A journal keeps an id once.
            known.add(name)
            model[name] = 0
            events.append(queued(entry(name)))
        elif verb == "f":
            model.update({name: instant} if name in model else {})
            events.append(failed(entry(name), "no", instant))
        elif verb in "sd":
            model.pop(name, None)
            events.append(sent(entry(name)) if verb == "s" else dead(entry(name), "no"))
    outbox = outbox_of(*events)

    assert {found.id: found.next_at for found in outbox.pending("ops")} == model
    resumed = Outbox()
    for event in itertools.islice(events, outbox_of(*events[:stop]).resume(), None):
        resumed.apply(event)
    assert resumed.pending("ops") == outbox.pending("ops")
