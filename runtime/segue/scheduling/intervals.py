"""Intervals: again and again after the same span."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from segue.exceptions import InvalidWork
from segue.scheduling.zones import instant_of, next_once, wall_at

__all__ = ("DayInterval", "SpanInterval", "interval_of")

DEFAULT_ANCHOR = datetime(2018, 1, 1)  # noqa: DTZ001 - a wall time; a Monday
"""From when intervals are counted that have no anchor, in the zone of their schedule."""

_DAY = 86_400
_SHORTEST, _LONGEST = 1.0, 3650.0 * _DAY


class SpanInterval:
    """Every so many µs of elapsed time, counted from `anchor`, backwards too."""

    def __init__(self, step: int, anchor: int) -> None:
        self._step = step
        self._anchor = anchor

    def next_after(self, after: int) -> int | None:
        """See Instants."""
        return self._anchor + ((after - self._anchor) // self._step + 1) * self._step


class DayInterval:
    """Every so many days at the time of day that clocks in the zone show at `anchor`."""

    def __init__(self, days: int, anchor: int, zone: ZoneInfo) -> None:
        self._step = timedelta(days=days)
        self._anchor = wall_at(anchor, zone)
        self._zone = zone

    def next_after(self, after: int) -> int | None:
        """See Instants."""
        return next_once(self._following, after, self._zone)

    def _following(self, wall: datetime) -> datetime:
        return self._anchor + ((wall - self._anchor) // self._step + 1) * self._step


def interval_of(seconds: float, anchor: int | None, zone: ZoneInfo) -> SpanInterval | DayInterval:
    """Return the instants of an interval: of whole days by the clocks of the zone, of anything else by elapsed time.

    Raises InvalidWork.
    """
    # As it stands here, what is no number is refused too.
    if not _SHORTEST <= seconds <= _LONGEST:
        raise InvalidWork(f"A schedule cannot have an interval of {seconds:g} s. Give from 1 second to 10 years.")
    start = instant_of(DEFAULT_ANCHOR, zone) if anchor is None else anchor
    if seconds % _DAY == 0:
        return DayInterval(round(seconds) // _DAY, start, zone)
    return SpanInterval(round(seconds * 1_000_000), start)
