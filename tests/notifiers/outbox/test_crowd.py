"""Too many messages of a rule for one target."""

import msgspec

from segue_notifiers.message import Message, Severity
from segue_notifiers.outbox.crowd import Crowd, digest_of
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.queue import Queue


def entry(seq: int, rule: str = "failures", severity: Severity = "warning") -> Entry:
    message = Message(id=f"{rule}-{seq}", title=f"run {seq} failed", body="", rule=rule, severity=severity)
    return Entry(message=message, target="ops", deadline=0, seq=seq)


def send_all(queue: Queue) -> list[tuple[str, ...]]:
    """The ids of what is sent, one tuple a message."""
    crowd, told = Crowd(), list[tuple[str, ...]]()
    while first := queue.first(0):
        if condensed := crowd.condense(queue, first):
            for absorbed in condensed:
                queue.remove(absorbed.id)
            queue.put(msgspec.structs.replace(digest_of(condensed, deadline=0), seq=condensed[-1].seq))
        else:
            queue.remove(first.id)
            crowd.done(first)
            told.append(first.absorbed or (first.id,))
    return told


def test_twenty_are_told_one_by_one() -> None:
    queue = Queue()
    for seq in range(20):
        queue.put(entry(seq))

    assert send_all(queue) == [(f"failures-{seq}",) for seq in range(20)]


def test_of_more_the_first_five_and_a_digest_of_the_rest() -> None:
    queue = Queue()
    for seq in range(10_000):
        queue.put(entry(seq))

    told = send_all(queue)

    assert [len(ids) for ids in told] == [1] * 5 + [9_995]
    assert sorted(key for ids in told for key in ids) == sorted(f"failures-{seq}" for seq in range(10_000))


def test_another_rule_s_messages_are_left_alone() -> None:
    queue = Queue()
    for seq in range(30):
        queue.put(entry(seq))
    queue.put(entry(30, rule="lateness"))

    assert ("lateness-30",) in send_all(queue)


def test_a_digest_says_how_many_and_names_the_last() -> None:
    digest = digest_of([entry(seq) for seq in range(1, 1235)], deadline=5)

    assert digest.message.title == "1,234 more of failures"
    lines = digest.message.body.splitlines()
    assert lines[1] == "  run 1234 failed"
    assert lines[-2:] == ["  run 1225 failed", "… and 1,224 before them"]


def test_a_digest_is_as_severe_as_the_worst_of_it() -> None:
    assert digest_of([entry(1), entry(2, severity="failure"), entry(3)], deadline=0).message.severity == "failure"


def test_a_digest_of_the_same_messages_is_the_same_message() -> None:
    assert digest_of([entry(1), entry(2)], deadline=0).id == digest_of([entry(1), entry(2)], deadline=9).id
