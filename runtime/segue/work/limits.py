"""Limits: whether slots are free, whose turn it is, and what rate limits have got back. Pure decisions.

Slots are free while no lease that is still good holds them. A rate limit keeps no other books: whoever takes slots of
it leaves one lease under the limit's own id, which nobody holds, and which is good until all its slots are back. The
next to take some replaces it by one that is good for longer.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from segue.exceptions import InvalidWork, UnknownLimit
from segue.records.work import LEASE_SECONDS, Lease, Limit

__all__ = ("Books", "Grant", "Wish", "binding", "expired", "free_at", "free_slots", "full", "grant", "renewed")

_SECOND = 1_000_000

# Slots of a rate limit come back in fractions, whose sum may lack this much of a whole one.
_ROUNDING = 1e-6

_RATES = uuid.UUID("6e8b9d9e-6f0d-5d3c-9a55-2b8a0d3f4c11")


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """Slots that somebody wants, of all of these limits or of none; a `strict` wish refuses names that bind nothing."""

    names: tuple[str, ...]
    slots: int
    holder: str
    strict: bool = False


class Books(NamedTuple):
    """What is known when something is decided: all limits by name, all leases, and the instant (µs)."""

    limits: Mapping[str, Limit]
    leases: Sequence[Lease]
    now: int

    def of(self, limit: Limit) -> list[Lease]:
        """Return the leases of a limit that are still good."""
        return [lease for lease in self.leases if limit.name in lease.limits and lease.until > self.now]

    def with_leases(self, new: Iterable[Lease]) -> "Books":
        """Return the books with these leases, each in place of the one with the same id."""
        leases = {lease.id: lease for lease in (*self.leases, *new)}
        return self._replace(leases=list(leases.values()))


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that is granted: the lease to hold, and the ones that rate limits have now.

    The lease bears no id where there is nothing to hold: no limit, or rate limits only.
    """

    lease: Lease
    spent: tuple[Lease, ...] = ()

    @property
    def leases(self) -> tuple[Lease, ...]:
        """All that is to be recorded, each in place of the one with the same id."""
        return (self.lease, *self.spent) if self.lease.id else self.spent


# --- what a wish depends on ---


def binding(wish: Wish, limits: Mapping[str, Limit]) -> list[Limit]:
    """Return the active limits that bind a wish, by name.

    Raises InvalidWork for less than one slot and for more than a limit has; and, of a strict wish, UnknownLimit for
    a name without an active limit.
    """
    if wish.slots < 1:
        raise InvalidWork(f"{wish.slots} slots were asked for. Ask for one or more.")
    if wish.strict:
        _refuse_unknown(wish.names, limits)
    found = [limits[name] for name in sorted(set(wish.names)) if name in limits and limits[name].active]
    for limit in found:
        # A limit of no slots holds everybody back until it is raised.
        if wish.slots > limit.slots > 0:
            raise InvalidWork(
                f"{wish.slots} slots of the limit '{limit.name}' were asked for, but it has {limit.slots} in all. "
                "Ask for fewer, or raise the limit."
            )
    return found


def _refuse_unknown(names: Iterable[str], limits: Mapping[str, Limit]) -> None:
    for name in names:
        if name not in limits:
            there = f"There are: {', '.join(sorted(limits))}." if limits else "There is none yet."
            raise UnknownLimit(f"There is no limit '{name}'. {there} Create it before slots of it are taken.")
        if not limits[name].active:
            raise UnknownLimit(f"The limit '{name}' is not active. Enable it before slots of it are taken.")


# --- what is free ---


def free_slots(limit: Limit, books: Books) -> int:
    """Return how many slots are free; less than none of a limit that was made smaller than what is held of it."""
    if limit.refill is None:
        return limit.slots - sum(lease.slots for lease in books.of(limit))
    missing = (_all_back(limit, books) - books.now) / _SECOND * limit.refill
    return int(limit.slots - missing + _ROUNDING)


def free_at(limit: Limit, slots: int, books: Books) -> int:
    """Return the instant (µs) when so many slots are free, if nobody renews a lease and nobody else takes any.

    Of a limit that has fewer, it is when it is worth to look again.
    """
    if free_slots(limit, books) >= slots:
        return books.now
    if limit.refill is not None:
        return _all_back(limit, books) - int((limit.slots - slots) / limit.refill * _SECOND)
    ends = sorted(lease.until for lease in books.of(limit))
    enough = (end for end in ends if free_slots(limit, books._replace(now=end)) >= slots)
    return next(enough, _good_until(books.now))


def full(wish: Wish, books: Books) -> Limit | None:
    """Return the limit that keeps a wish waiting longest; None if there are slots for it. Raises as `binding` does."""
    lacking = [limit for limit in binding(wish, books.limits) if free_slots(limit, books) < wish.slots]
    return max(lacking, key=lambda limit: free_at(limit, wish.slots, books), default=None)


def _all_back(limit: Limit, books: Books) -> int:
    """Return when all slots of a rate limit are back."""
    return max((lease.until for lease in books.of(limit) if not lease.holder), default=books.now)


# --- taking slots, and holding them ---


def grant(wish: Wish, ahead: Iterable[Wish], books: Books, lease_id: str) -> Grant | None:
    """Grant a wish if there are slots for it, once those who came before it have theirs.

    Who came before and cannot have all of them yet keeps the ones there are: who wants many would wait for ever while
    others take few. Raises as `binding` does.
    """
    bound = binding(wish, books.limits)
    closed: set[str] = set()
    for other in ahead:
        granted = None if closed.intersection(other.names) else _granted_if_sound(other, books)
        if granted is None:
            closed.update(other.names)
        else:
            books = books.with_leases(granted.leases)
    if any(limit.name in closed or free_slots(limit, books) < wish.slots for limit in bound):
        return None
    return _granted(wish, bound, books, lease_id)


def _granted_if_sound(wish: Wish, books: Books) -> Grant | None:
    try:
        return grant(wish, (), books, str(uuid.uuid4()))
    except (InvalidWork, UnknownLimit):
        # It will be refused, and takes nothing.
        return Grant(lease=Lease(id="", limits=(), slots=0, holder="", until=0))


def _granted(wish: Wish, bound: Sequence[Limit], books: Books, lease_id: str) -> Grant:
    held = tuple(limit.name for limit in bound if limit.refill is None)
    lease = Lease(
        id=lease_id if held else "",
        limits=held,
        slots=wish.slots,
        holder=wish.holder,
        until=_good_until(books.now) if held else books.now,
        taken=books.now,
    )
    return Grant(lease=lease, spent=tuple(_spent(limit, wish.slots, books) for limit in bound if limit.refill))


def _spent(limit: Limit, slots: int, books: Books) -> Lease:
    """Return the lease of a rate limit after so many slots of it were taken."""
    assert limit.refill is not None
    until = _all_back(limit, books) + round(slots / limit.refill * _SECOND)
    return Lease(
        id=str(uuid.uuid5(_RATES, limit.name)),
        limits=(limit.name,),
        slots=slots,
        holder="",
        until=until,
        taken=books.now,
    )


def renewed(lease_id: str, books: Books) -> Lease | None:
    """Return the lease, good for LEASE_SECONDS from now; None if its slots are lost.

    One that was not renewed in time is only lost if others have its slots: a machine that slept, or a server that was
    away, takes them from nobody.
    """
    lease = next((lease for lease in books.leases if lease.id == lease_id), None)
    if lease is None:
        return None
    if lease.until <= books.now:
        limits = [books.limits[name] for name in lease.limits if name in books.limits]
        if any(free_slots(limit, books) < lease.slots for limit in limits):
            return None
    return msgspec.structs.replace(lease, until=_good_until(books.now))


def expired(books: Books) -> list[Lease]:
    """Return the leases that are no longer good."""
    return [lease for lease in books.leases if lease.until <= books.now]


def _good_until(now: int) -> int:
    return now + int(LEASE_SECONDS * _SECOND)
