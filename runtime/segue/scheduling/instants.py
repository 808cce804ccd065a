"""Instants: what a schedule comes to, one after the other, before, or upcoming."""

from collections.abc import Iterator
from itertools import islice
from typing import Protocol, TypeGuard

from segue.exceptions import InvalidWork
from segue.records.work import Schedule
from segue.scheduling.cron import cron_of
from segue.scheduling.intervals import DEFAULT_ANCHOR, interval_of
from segue.scheduling.rule_text import recurrence_of
from segue.scheduling.zones import wall_at, zone_of

__all__ = ("KINDS", "Instants", "between", "instants_of", "last_ones", "upcoming")

KINDS = ("interval", "cron", "rrule")
"""What a schedule has exactly one of."""


class Instants(Protocol):
    """The instants of a schedule, in µs since the epoch."""

    def next_after(self, after: int) -> int | None:
        """Return the first instant after `after`; None if there is none in the years that are looked at."""
        ...


def instants_of(schedule: Schedule) -> Instants:
    """Return the instants of a schedule, active or not; raises InvalidWork if there can be none."""
    kinds = [kind for kind in KINDS if getattr(schedule, kind) is not None]
    if len(kinds) != 1:
        given = f"has {' and '.join(kinds)}" if kinds else "has none"
        raise InvalidWork(f"A schedule has exactly one of interval, cron and rrule; '{schedule.id}' {given}.")
    zone = zone_of(schedule.timezone)
    if schedule.interval is not None:
        return interval_of(schedule.interval, schedule.anchor, zone)
    if schedule.cron is not None:
        return cron_of(schedule.cron, schedule.day_or, zone)
    anchor = DEFAULT_ANCHOR if schedule.anchor is None else wall_at(schedule.anchor, zone)
    return recurrence_of(schedule.rrule or "", anchor, zone)


def between(instants: Instants, after: int, until: int) -> Iterator[int]:
    """Return the instants after `after`, up to and including `until`."""
    at = instants.next_after(after)
    while at is not None and at <= until:
        yield at
        at = instants.next_after(at)


def upcoming(schedule: Schedule, after: int, most: int) -> list[int]:
    """Return the next instants of a schedule after `after`, at most so many; raises InvalidWork."""
    # None that the instants of any schedule would reach: 2^62 µs are 146,000 years.
    return list(islice(between(instants_of(schedule), after, 1 << 62), most))


def last_ones(instants: Instants, after: int, until: int, most: int) -> list[int]:
    """Return the last instants after `after`, up to and including `until`, at most so many, in order.

    It takes a few looks for each, however long the time is and however many instants there are in it.
    """
    found: list[int] = []
    before, span = until + 1, 1_000_000
    while len(found) < most:
        at = _previous(instants, after, before, span)
        if at is None:
            break
        found.append(at)
        before, span = at, 2 * (before - at)
    return found[::-1]


def _previous(instants: Instants, after: int, before: int, span: int) -> int | None:
    """Return the last instant between two, both excluded; it is looked for in the last `span` µs, then further back."""
    low = max(after, before - span)
    while not _is_in(at := instants.next_after(low), before):
        if low == after:
            return None
        span *= 2
        low = max(after, before - span)
    high = before
    # There is one at `at`, and none from `high` on; halve what lies between.
    while _is_in(following := instants.next_after(at), before):
        middle = (following + high) // 2
        later = instants.next_after(middle)
        if _is_in(later, before):
            at = later
        else:
            at, high = following, middle
    return at


def _is_in(at: int | None, before: int) -> TypeGuard[int]:
    return at is not None and at < before
