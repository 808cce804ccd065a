"""Cron: the five fields, as Debian's cron reads them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from segue.exceptions import InvalidWork
from segue.scheduling.zones import next_once, next_showing

__all__ = ("Cron", "cron_of")

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_LONGEST = 500
_FIELDS = 5
_SOME_DAY = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall time


class Cron:
    """The instants of a cron expression.

    What names its minutes and hours happens once for each day of those, also on days when clocks are set; what has a
    star for minutes or hours happens whenever clocks show such a time.
    """

    def __init__(self, parsed: CronSim, zone: ZoneInfo) -> None:
        self._parsed = parsed
        self._zone = zone
        # The parsed fields begin with the seconds.
        is_fixed = not any(field.startswith("*") for field in parsed.parts[1:3])
        self._next = next_once if is_fixed else next_showing

    def next_after(self, after: int) -> int | None:
        """See Instants."""
        return self._next(self._following, after, self._zone)

    def _following(self, wall: datetime) -> datetime | None:
        self._parsed.dt = wall.replace(microsecond=0)
        # It gives up after 50 years without such a day.
        return next(self._parsed, None)


def cron_of(expression: str, day_or: bool, zone: ZoneInfo) -> Cron:
    """Return the instants of a cron expression.

    Where both day of the month and day of the week are given, either is enough; without `day_or`, both are needed.
    Raises InvalidWork.
    """
    fields = NICKNAMES.get(expression.strip().lower(), expression).split()
    if len(expression) > _LONGEST:
        raise InvalidWork(f"A cron expression has at most {_LONGEST} characters, this has {len(expression)}.")
    if len(fields) != _FIELDS:
        raise InvalidWork(
            f"The cron expression '{expression[:100]}' has {len(fields)} fields, where there should be five:"
            " minute, hour, day of the month, month, day of the week."
        )
    try:
        parsed = CronSim(" ".join(fields), _SOME_DAY)
    except CronSimError as error:
        raise InvalidWork(
            f"The cron expression '{expression}' cannot be read: {_field(error)}. A field is a star, a number,"
            " a range as 1-5, a list as 1,3, or steps as */15."
        ) from None
    parsed.day_and = parsed.day_and or not day_or
    return Cron(parsed, zone)


def _field(error: CronSimError) -> str:
    """Return what is said of the field that is wrong, "Bad day-of-month", in the words of this house."""
    return f"its {str(error).removeprefix('Bad ')} is wrong"
