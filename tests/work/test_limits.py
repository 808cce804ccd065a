"""Limits: who gets slots, when they come back, and what happens to those who hold too long."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segue.exceptions import InvalidWork, UnknownLimit
from segue.records.work import LEASE_SECONDS, Lease, Limit
from segue.work.limits import Books, Wish, expired, free_at, free_slots, full, grant, renewed

SECOND = 1_000_000
START = 1_700_000_000 * SECOND


def books(*limits: Limit, leases: Sequence[Lease] = (), now: int = START) -> Books:
    return Books({limit.name: limit for limit in limits}, leases, now)


def wish(*names: str, slots: int = 1, strict: bool = False) -> Wish:
    return Wish(names=names, slots=slots, holder="run", strict=strict)


def take(known: Books, wanted: Wish, ahead: Sequence[Wish] = ()) -> Books | None:
    granted = grant(wanted, ahead, known, f"lease-{len(known.leases)}")
    return None if granted is None else known.with_leases(granted.leases)


def later(known: Books, seconds: float) -> Books:
    return known._replace(now=known.now + int(seconds * SECOND))


def test_slots_are_given_until_none_is_left() -> None:
    """A limit of two gives two."""
    known = books(Limit(name="db", slots=2))
    for _ in range(2):
        known = take(known, wish("db"))
        assert known is not None
    assert take(known, wish("db")) is None
    assert free_slots(known.limits["db"], known) == 0


def test_all_limits_give_or_none_does() -> None:
    """Where one of two is full, nothing of the other is taken."""
    known = take(books(Limit(name="a", slots=1), Limit(name="b", slots=1)), wish("b"))
    assert known is not None
    assert take(known, wish("a", "b")) is None
    assert full(wish("a", "b"), known) == known.limits["b"]
    assert free_slots(known.limits["a"], known) == 1


def test_a_name_without_a_limit_binds_nothing() -> None:
    """There is nothing to hold, and the lease says so."""
    granted = grant(wish("nobody"), (), books(), "id")
    assert granted is not None
    assert granted.lease.id == ""
    assert granted.leases == ()


def test_a_limit_that_is_not_active_binds_nothing() -> None:
    """It may be named however often."""
    off = books(Limit(name="off", slots=1, active=False))
    assert grant(wish("off", slots=5), (), off, "id") is not None


@pytest.mark.parametrize(
    ("limit", "sentence"),
    [
        (Limit(name="db", slots=1), "There is no limit 'typo'. There are: db. Create it before"),
        (Limit(name="typo", slots=1, active=False), "The limit 'typo' is not active. Enable it before"),
    ],
)
def test_a_strict_wish_refuses_limits_that_bind_nothing(limit: Limit, sentence: str) -> None:
    """Who asks for them to be there is told which is not."""
    with pytest.raises(UnknownLimit, match=sentence):
        grant(wish("typo", strict=True), (), books(limit), "id")


def test_more_slots_than_there_are_in_all_are_refused() -> None:
    """One who would wait for ever is told at once."""
    with pytest.raises(InvalidWork, match=r"5 slots of the limit 'db' were asked for, but it has 2 in all\."):
        grant(wish("db", slots=5), (), books(Limit(name="db", slots=2)), "id")


def test_less_than_one_slot_is_refused() -> None:
    """Nothing is not worth asking for."""
    with pytest.raises(InvalidWork, match="0 slots were asked for"):
        grant(wish("db", slots=0), (), books(), "id")


def test_a_limit_of_no_slots_holds_everybody_back_until_it_is_raised() -> None:
    """It refuses nobody; who waits looks again some time."""
    none = Limit(name="db", slots=0)
    known = books(none)
    assert take(known, wish("db")) is None
    assert full(wish("db"), known) == none
    assert free_at(none, 1, known) == START + int(LEASE_SECONDS * SECOND)
    assert take(books(Limit(name="db", slots=1)), wish("db"), ahead=[wish("db")]) is None


# --- leases ---


def test_slots_come_back_when_a_lease_is_not_renewed() -> None:
    """A holder that has died holds for LEASE_SECONDS and no longer."""
    known = take(books(Limit(name="db", slots=1)), wish("db"))
    assert known is not None
    assert take(later(known, LEASE_SECONDS - 1), wish("db")) is None
    assert free_at(known.limits["db"], 1, known) == START + int(LEASE_SECONDS * SECOND)
    assert take(later(known, LEASE_SECONDS), wish("db")) is not None


def test_a_lease_that_is_renewed_holds_on() -> None:
    """It is good for LEASE_SECONDS from then on."""
    known = take(books(Limit(name="db", slots=1)), wish("db"))
    assert known is not None
    known = later(known, 20)
    again = renewed("lease-0", known)
    assert again is not None
    assert take(later(known.with_leases([again]), 20), wish("db")) is None


def test_a_lease_that_ran_out_is_held_again_if_nobody_has_its_slots() -> None:
    """A machine that slept loses nothing to nobody."""
    known = take(books(Limit(name="db", slots=1)), wish("db"))
    assert known is not None
    known = later(known, 8 * 3600)
    assert [lease.id for lease in expired(known)] == ["lease-0"]
    assert renewed("lease-0", known) is not None


def test_a_lease_that_ran_out_is_lost_if_others_have_its_slots() -> None:
    """The slots are not given twice."""
    known = take(books(Limit(name="db", slots=1)), wish("db"))
    assert known is not None
    known = take(later(known, 60), wish("db"))
    assert known is not None
    assert renewed("lease-0", known) is None


def test_a_lease_that_is_gone_is_lost() -> None:
    """What was freed in another way cannot be renewed."""
    assert renewed("gone", books(Limit(name="db", slots=1))) is None


def test_a_limit_that_shrinks_takes_nothing_from_who_holds() -> None:
    """There are fewer than no free slots until enough have come back."""
    known = take(books(Limit(name="db", slots=3)), wish("db", slots=3))
    assert known is not None
    known = known._replace(limits={"db": Limit(name="db", slots=1)})
    assert free_slots(known.limits["db"], known) == -2
    assert renewed("lease-0", known) is not None


# --- whose turn it is ---


def test_who_came_first_is_first() -> None:
    """The one free slot is for the one ahead."""
    known = books(Limit(name="db", slots=1))
    assert take(known, wish("db"), ahead=[wish("db")]) is None
    assert take(known, wish("db")) is not None


def test_who_wants_many_is_not_overtaken_for_ever() -> None:
    """One slot is free, and kept for who came first and wants two."""
    known = take(books(Limit(name="db", slots=2)), wish("db"))
    assert known is not None
    assert take(known, wish("db"), ahead=[wish("db", slots=2)]) is None


def test_who_waits_for_other_limits_is_in_nobodys_way() -> None:
    """A crowd before one door does not shut another."""
    known = take(books(Limit(name="full", slots=1), Limit(name="free", slots=1)), wish("full"))
    assert known is not None
    assert take(known, wish("free"), ahead=[wish("full")]) is not None


def test_who_will_be_refused_takes_nothing() -> None:
    """One ahead that asks for more than there can be keeps nobody waiting."""
    known = books(Limit(name="db", slots=1))
    assert take(known, wish("db"), ahead=[wish("db", slots=9)]) is not None


# --- rate limits ---


def test_a_rate_limit_gives_all_at_once_and_then_one_by_one() -> None:
    """Three at the start, then one each half second."""
    limit = Limit(name="api", slots=3, refill=2.0)
    known = take(books(limit), wish("api", slots=3))
    assert known is not None
    assert take(known, wish("api")) is None
    assert free_at(limit, 1, known) == START + SECOND // 2
    assert take(later(known, 0.499), wish("api")) is None
    assert take(later(known, 0.5), wish("api")) is not None


def test_a_rate_limit_that_rested_gives_no_more_than_its_slots() -> None:
    """What is not used is not saved up."""
    limit = Limit(name="api", slots=3, refill=100.0)
    known = take(books(limit), wish("api", slots=3))
    assert known is not None
    assert free_slots(limit, later(known, 3600)) == 3


def test_a_rate_limit_keeps_one_lease_that_nobody_holds() -> None:
    """However often slots are taken: the run's end gives none of them back."""
    known = books(Limit(name="api", slots=3, refill=1.0))
    for _ in range(3):
        known = take(known, wish("api"))
        assert known is not None
    assert [(lease.holder, lease.until) for lease in known.leases] == [("", START + 3 * SECOND)]


def test_a_rate_limit_and_another_are_taken_together() -> None:
    """Of the one a lease is held, of the other time must pass."""
    granted = grant(
        wish("api", "db"), (), books(Limit(name="api", slots=1, refill=1.0), Limit(name="db", slots=1)), "id"
    )
    assert granted is not None
    assert granted.lease.limits == ("db",)
    assert [lease.limits for lease in granted.leases] == [("db",), ("api",)]


@given(
    slots=st.integers(1, 20),
    refill=st.floats(0.01, 1000),
    asks=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 20)), max_size=60),
)
def test_no_rate_limit_ever_gives_more_than_its_slots_and_its_rate(
    slots: int, refill: float, asks: list[tuple[float, int]]
) -> None:
    """Whatever is asked for, and when: in no span more is given than the slots and what came back in it."""
    known = books(Limit(name="api", slots=slots, refill=refill))
    given_at: list[tuple[int, int]] = []
    for pause, wanted in asks:
        known = later(known, pause)
        after = take(known, wish("api", slots=wanted)) if wanted <= slots else None
        if after is not None:
            known = after
            given_at.append((known.now, wanted))
    for first, (begin, _) in enumerate(given_at):
        for last in range(first, len(given_at)):
            span = (given_at[last][0] - begin) / SECOND
            assert sum(count for _, count in given_at[first : last + 1]) <= slots + span * refill + 0.01


@given(st.lists(st.tuples(st.sampled_from(["taken", "renewed", "released", "time"]), st.integers(1, 4)), max_size=80))
def test_no_more_slots_are_held_than_there_are(steps: list[tuple[str, int]]) -> None:
    """Whatever happens in whatever order."""
    known = books(Limit(name="db", slots=4))
    for step, (kind, number) in enumerate(steps):
        if kind == "time":
            known = later(known, number * 7)
        elif kind == "taken":
            granted = grant(wish("db", slots=number), (), known, f"lease-{step}")
            known = known if granted is None else known.with_leases(granted.leases)
        elif known.leases:
            lease = known.leases[number % len(known.leases)]
            if kind == "released":
                known = known._replace(leases=[other for other in known.leases if other is not lease])
            elif (again := renewed(lease.id, known)) is not None:
                known = known.with_leases([again])
        assert free_slots(known.limits["db"], known) >= 0
