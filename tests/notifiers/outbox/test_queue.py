"""The order of what waits for one target."""

from hypothesis import given
from hypothesis import strategies as st

from segue_notifiers.message import Message
from segue_notifiers.outbox.entry import Entry
from segue_notifiers.outbox.queue import Queue


def entry(seq: int, next_at: int = 0) -> Entry:
    return Entry(message=Message(id=str(seq), title="", body=""), target="ops", deadline=0, seq=seq, next_at=next_at)


def test_a_target_that_is_back_is_tried_with_all_at_once() -> None:
    queue = Queue()
    queue.put(entry(1, next_at=900))
    queue.put(entry(2))
    assert queue.first(0) == entry(2)

    queue.hasten()

    assert queue.first(0) == entry(1)
    assert queue.next_at() is None


@given(st.lists(st.tuples(st.sampled_from(("put", "remove", "look", "hasten")), st.integers(0, 9), st.integers(0, 20))))
def test_the_first_is_the_earliest_of_those_that_are_due(steps: list[tuple[str, int, int]]) -> None:
    queue, model, now = Queue(), dict[int, Entry](), 0
    for verb, seq, instant in steps:
        if verb == "put":
            model[seq] = entry(seq, instant)
            queue.put(model[seq])
        elif verb == "remove":
            model.pop(seq, None)
            queue.remove(str(seq))
        elif verb == "hasten":
            model = {seq: entry(seq) for seq in model}
            queue.hasten()
        else:
            now = max(now, instant)
        due = [found for _, found in sorted(model.items()) if found.next_at <= now]
        assert queue.first(now) == (due[0] if due else None)
        assert queue.next_at() == min((found.next_at for found in model.values() if found.next_at > now), default=None)
        assert len(queue) == len(model)
