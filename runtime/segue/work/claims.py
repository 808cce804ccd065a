"""Claims: which of the runs that wait a worker is given. Pure decisions."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from segue.records.work import WorkerInfo, WorkPool, WorkQueue

__all__ = ("Candidate", "Held", "Picked", "Place", "Slot", "bounded", "pick", "queue_room", "room", "served")

Slot = tuple[bytes | str, str]
"""What bounds runs: a deployment's stored id with the key that a run counts for, or "" with a tag that has a limit."""


class Place(NamedTuple):
    """How much of a slot is taken, how much may be, and whether runs that are too many are cancelled."""

    going: int
    bound: int
    cancels: bool

    @property
    def full(self) -> bool:
        """Whether no other run may go."""
        return self.going >= self.bound


class Candidate(NamedTuple):
    """A run that waits: stored ids, how often it was claimed, and what its deployment bounds its slot to."""

    run: bytes | str
    deployment: bytes | str
    key: str
    epoch: int
    bound: int | None
    cancels: bool
    tags: tuple[str, ...] = ()

    @property
    def slot(self) -> Slot:
        """What it counts for of its deployment."""
        return self.deployment, self.key

    def wanted(self, places: Mapping[Slot, Place]) -> dict[Slot, Place]:
        """Return the places that it needs one of each; those of tags are known if there is a limit on them."""
        of_tags: dict[Slot, Place] = {("", tag): places["", tag] for tag in self.tags if ("", tag) in places}
        if self.bound is None:
            return of_tags
        return {self.slot: places.get(self.slot, Place(0, self.bound, self.cancels)), **of_tags}


class Held(NamedTuple):
    """How many runs are held in a pool: of all, by the worker that asks, and of each queue."""

    pool: int
    worker: int
    queues: Mapping[str, int]


class Picked(NamedTuple):
    """The runs that are given, and the slots as they are with them."""

    runs: list[Candidate]
    places: dict[Slot, Place]


def served(pool: WorkPool, worker: WorkerInfo) -> list[WorkQueue]:
    """Return the queues that a worker takes runs of, in the order in which it does."""
    if pool.paused:
        return []
    wanted = [queue for queue in pool.queues if not worker.queues or queue.name in worker.queues]
    return sorted((queue for queue in wanted if not queue.paused), key=lambda queue: (queue.priority, queue.name))


def bounded(pool: WorkPool, worker: WorkerInfo) -> bool:
    """Whether it matters how many runs are held."""
    limits = (pool.limit, worker.limit, *(queue.limit for queue in pool.queues))
    return any(limit is not None for limit in limits)


def room(pool: WorkPool, worker: WorkerInfo, held: Held, most: int) -> int:
    """Return how many runs more the worker may be given, of the `most` that it asks for."""
    of_pool = most if pool.limit is None else pool.limit - held.pool
    of_worker = most if worker.limit is None else worker.limit - held.worker
    return max(0, min(most, of_pool, of_worker))


def queue_room(queue: WorkQueue, held: Held, most: int) -> int:
    """Return how many runs more of a queue may go, of `most`."""
    return most if queue.limit is None else max(0, min(most, queue.limit - held.queues.get(queue.name, 0)))


def pick(candidates: Sequence[Candidate], places: Mapping[Slot, Place], most: int) -> Picked:
    """Return the first runs, up to `most`, for which there is a place in all their slots."""
    runs: list[Candidate] = []
    after = dict(places)
    for one in candidates:
        if len(runs) == most:
            break
        wanted = one.wanted(after)
        if any(place.full for place in wanted.values()):
            after.update(wanted)
            continue
        after.update((slot, place._replace(going=place.going + 1)) for slot, place in wanted.items())
        runs.append(one)
    return Picked(runs, after)
