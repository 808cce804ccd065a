"""Who is given which run: queues, room, and slots, as pure decisions."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from segue.records.work import WorkerInfo, WorkPool, WorkQueue
from segue.work.claims import Candidate, Held, Place, pick, queue_room, room, served

WORKER = WorkerInfo(id="w", name="w", pool="p")


def names(pool: WorkPool, *queues: str) -> list[str]:
    return [queue.name for queue in served(pool, WorkerInfo(id="w", name="w", pool="p", queues=queues))]


def test_queues_are_served_by_priority_and_the_paused_ones_not_at_all() -> None:
    queues = (WorkQueue(name="b", priority=2), WorkQueue(name="c", paused=True), WorkQueue(name="a", priority=2))
    pool = WorkPool(name="p", queues=(*queues, WorkQueue(name="z", priority=1)))

    assert names(pool) == ["z", "a", "b"]
    assert names(pool, "b", "c", "unknown") == ["b"]
    assert names(WorkPool(name="p", paused=True)) == []


def test_the_narrowest_limit_says_how_many_runs_a_worker_is_given() -> None:
    held = Held(pool=3, worker=1, queues={"default": 2})

    assert room(WorkPool(name="p"), WORKER, held, 7) == 7
    assert room(WorkPool(name="p", limit=5), WORKER, held, 7) == 2
    assert room(WorkPool(name="p", limit=2), WORKER, held, 7) == 0
    assert room(WorkPool(name="p"), WorkerInfo(id="w", name="w", pool="p", limit=2), held, 7) == 1
    assert queue_room(WorkQueue(limit=3), held, 7) == 1
    assert queue_room(WorkQueue(name="other", limit=3), held, 7) == 3


candidates = st.builds(
    lambda run, key, bound: Candidate(f"run-{run}", f"of-{bound}", key, 0, bound, False),
    st.integers(),
    st.sampled_from("ab"),
    st.sampled_from([None, 1, 2, 3]),
)


@given(st.lists(candidates, unique_by=lambda one: one.run), st.integers(0, 9), st.integers(0, 2))
def test_no_slot_has_more_than_it_may_and_nobody_is_passed_over_without_need(
    waiting: list[Candidate], most: int, going: int
) -> None:
    before = {("of-2", "a"): Place(going, 2, cancels=False)}
    picked = pick(waiting, before, most)
    counts = Counter(one.slot for one in picked.runs)
    counts["of-2", "a"] += going

    assert len(picked.runs) <= most
    assert picked.runs == [one for one in waiting if one in picked.runs]
    assert all(one.bound is None or counts[one.slot] <= one.bound for one in picked.runs)
    if len(picked.runs) < most:
        passed = [one for one in waiting if one not in picked.runs]
        assert all(one.bound is not None and counts[one.slot] >= one.bound for one in passed)
        assert all(picked.places[one.slot].full for one in passed)


def test_a_run_whose_tag_is_full_takes_no_place_of_its_deployment() -> None:
    heavy = Candidate("1", "d", "", 0, 1, False, tags=("heavy", "free"))
    light = Candidate("2", "d", "", 0, 1, False)
    places = {("", "heavy"): Place(1, 2, cancels=False)}

    assert pick([heavy, light], places, 9).runs == [heavy]
    assert pick([heavy, light], {("", "heavy"): Place(2, 2, cancels=False)}, 9).runs == [light]
