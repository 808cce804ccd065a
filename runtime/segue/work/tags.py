"""Tags: the places that limits on tags have for flow runs, and the slots that these take. Pure decisions."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from segue.records.work import Lease, Limit
from segue.work.claims import Candidate, Place, Slot
from segue.work.limits import Books, Wish, free_slots, full, grant
from segue_events import new_id
from segue_events.ids import id_in_memory

__all__ = ("FullTag", "full_tag", "tag_leases", "tag_places")

# A run holds its slots until it ends or is given back, which frees them: nobody has to renew them. In µs.
_AS_LONG_AS_IT_GOES = 2**53 - 1


class FullTag(NamedTuple):
    """A limit on a tag that has no slot left, and the runs that hold its slots."""

    limit: Limit
    holders: list[str]


def tag_places(books: Books) -> dict[Slot, Place]:
    """Return how many slots are taken of each active limit on a tag."""
    return {
        ("", limit.name): Place(limit.slots - free_slots(limit, books), limit.slots, cancels=False)
        for limit in books.limits.values()
        if limit.tag and limit.active
    }


def tag_leases(runs: Iterable[Candidate], books: Books) -> list[Lease]:
    """Return the leases of runs that are given, each of one slot of every limit on its tags."""
    leases: list[Lease] = []
    for run in runs:
        wish = _wish(run.tags, id_in_memory(run.run), books)
        granted = grant(wish, (), books, new_id()) if wish.names else None
        if granted is not None:
            held = msgspec.structs.replace(granted.lease, until=_AS_LONG_AS_IT_GOES)
            new = msgspec.structs.replace(granted, lease=held).leases
            books = books.with_leases(new)
            leases += new
    return leases


def full_tag(tags: Sequence[str], books: Books) -> FullTag | None:
    """Return the limit on one of a run's tags that keeps it waiting; None if there is a slot of each."""
    wish = _wish(tags, "", books)
    lacking = full(wish, books) if wish.names else None
    if lacking is None:
        return None
    return FullTag(lacking, list(dict.fromkeys(lease.holder for lease in books.of(lacking) if lease.holder)))


def _wish(tags: Sequence[str], holder: str, books: Books) -> Wish:
    names = tuple(tag for tag in tags if tag in books.limits and books.limits[tag].tag and books.limits[tag].active)
    return Wish(names=names, slots=1, holder=holder)
