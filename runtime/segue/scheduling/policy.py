"""Policy: which of a schedule's instants are run when the scheduler comes to them, and how much later."""

from hashlib import blake2b
from typing import NamedTuple

from segue.records.work import Schedule
from segue.scheduling.instants import Instants, between, last_ones

__all__ = ("Due", "delay_of", "due_by", "late_after")

# What the scheduler comes to within so many µs was not missed: it is a machine, not a clock.
_ON_TIME = 5_000_000


class Due(NamedTuple):
    """The instants to run, in order, and the last of all that have passed; None if none has."""

    chosen: list[int]
    last: int | None


def due_by(schedule: Schedule, instants: Instants, after: int, now: int) -> Due:
    """Return which of the instants after `after`, up to `now`, are to be run.

    Those of the last five seconds are. Of those before, which were missed, it is none, or the last unless there was
    another since, or all up to a limit, as the schedule's `catchup` says; and none that is too late.
    """
    passed = last_ones(instants, after, now, 1)
    if not passed:
        return Due([], None)
    on_time = list(between(instants, max(after, now - _ON_TIME - 1), now))
    chosen = on_time
    if schedule.catchup == "all":
        chosen = last_ones(instants, after, now, max(schedule.catchup_limit, len(on_time)))
    elif schedule.catchup == "latest":
        chosen = on_time or passed
    return Due([at for at in chosen if not _is_too_late(schedule, at, now)], passed[-1])


def delay_of(schedule: Schedule, deployment_id: str, at: int) -> int:
    """Return by how many µs the run of an instant is delayed: as if at random, up to `jitter`, and always the same."""
    if not schedule.jitter:
        return 0
    digest = blake2b(f"{deployment_id} {schedule.id}@{at}".encode(), digest_size=8).digest()
    return round(schedule.jitter * 1e6 * int.from_bytes(digest) / 2**64)


def late_after(schedule: Schedule, due: int) -> int | None:
    """Return the instant after which a run that is due at `due` is not begun any more; None if it always may be."""
    return None if schedule.max_lateness is None else due + round(schedule.max_lateness * 1e6)


def _is_too_late(schedule: Schedule, at: int, now: int) -> bool:
    latest = late_after(schedule, at)
    return latest is not None and latest < now
