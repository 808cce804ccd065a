"""Zones: from the wall times of a schedule to instants, where clocks are set forward and back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from segue.exceptions import InvalidWork
from segue.states import instant, microseconds
from segue.suggestions import did_you_mean

__all__ = ("Walls", "instant_of", "next_once", "next_showing", "wall_at", "zone_of")

Walls = Callable[[datetime], datetime | None]
"""Returns the first wall time of a schedule after one; None if there is none."""

_DAY_US = 86_400 * 1_000_000
_SECOND_US = 1_000_000
_LEAST = timedelta(microseconds=1)


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of an IANA name; raises InvalidWork if there is none."""
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):  # what is no name, no zone, a folder of zones
        known = available_timezones()
    found = {zone.casefold(): zone for zone in known}.get(name.casefold())
    hint = f" Did you mean '{found}'?" if found else did_you_mean(name[:80], known)
    raise InvalidWork(f"There is no time zone '{name[:80]}'.{hint} Zones are named as Europe/Berlin or UTC.")


def wall_at(at: int, zone: ZoneInfo) -> datetime:
    """Return what clocks in the zone show at an instant."""
    return instant(at).astimezone(zone).replace(tzinfo=None, fold=0)


def instant_of(wall: datetime, zone: ZoneInfo) -> int:
    """Return the one instant that stands for a wall time.

    That is the first of two, where clocks are set back over it; the instant at which they are set forward, where they
    never show it.
    """
    first = microseconds(wall.replace(tzinfo=zone, fold=0))
    if wall_at(first, zone) == wall:
        return first
    before = microseconds(wall.replace(tzinfo=zone, fold=1))
    return _first_change(before, first, zone) or first


def next_once(walls: Walls, after: int, zone: ZoneInfo) -> int | None:
    """Return the first instant after `after` of a schedule that is to happen exactly once for each wall time."""
    wall = wall_at(after, zone)
    while (following := walls(wall)) is not None:
        at = instant_of(following, zone)
        if at > after:
            return at
        wall = following  # it was the first of two, or the same leap as the one before
    return None


def next_showing(walls: Walls, after: int, zone: ZoneInfo) -> int | None:
    """Return the first instant after `after` at which clocks show a wall time: twice where they are set back, or never.

    So what happens every few minutes goes on doing so, whatever is done to the clocks.
    """
    wall = wall_at(after, zone)
    while (following := walls(wall)) is not None:
        at = after + (following - wall_at(after, zone)) // _LEAST
        change = _first_change(after, at, zone)
        if change is None:
            return at
        # From there on clocks show something else: look again, at that very instant too.
        after, wall = change, wall_at(change, zone) - _LEAST
    return None


def _first_change(start: int, end: int, zone: ZoneInfo) -> int | None:
    """Return the first instant after `start`, up to `end`, with another offset from UTC than at `start`."""
    offset = _offset(start, zone)
    while start < end:
        step = min(start + _DAY_US, end)
        if _offset(step, zone) != offset:
            return _bisected(start, step, zone)
        start = step
    return None


def _bisected(start: int, end: int, zone: ZoneInfo) -> int:
    offset = _offset(start, zone)
    # Clocks are set at whole seconds.
    low, high = start // _SECOND_US, -(-end // _SECOND_US)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(middle * _SECOND_US, zone) == offset:
            low = middle
        else:
            high = middle
    return high * _SECOND_US


def _offset(at: int, zone: ZoneInfo) -> timedelta | None:
    return instant(at).replace(tzinfo=UTC).astimezone(zone).utcoffset()
