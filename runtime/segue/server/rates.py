"""Rates: how often a caller may ask, as buckets that fill again with time."""

from collections import OrderedDict
from dataclasses import dataclass

__all__ = ("Rates",)

# So many callers are remembered; who has not asked for longest is forgotten first, and begins anew.
_MAX_BUCKETS = 10_000


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class Rates:
    """Lets each caller ask `per_second` times a second in the long run, and up to `burst` times at once."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def spend(self, caller: str, now: float) -> float:
        """Count a request of a caller at `now` (seconds, of any clock that never goes back).

        Returns 0 if it may be, else the seconds after which the next one may; then it is not counted.
        """
        bucket = self._buckets.get(caller)
        if bucket is None:
            if len(self._buckets) >= _MAX_BUCKETS:
                self._buckets.popitem(last=False)
            bucket = self._buckets[caller] = _Bucket(self._burst, now)
        else:
            self._buckets.move_to_end(caller)
            bucket.level = min(self._burst, bucket.level + (now - bucket.at) * self._per_second)
            bucket.at = now
        if bucket.level < 1:
            return (1 - bucket.level) / self._per_second
        bucket.level -= 1
        return 0.0
