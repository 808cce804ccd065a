"""Service: what is to be done again and again; and the one loop that does it, which owns the clock."""

import heapq
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from segue_events import Clock

__all__ = ("Service", "Told", "attend", "attend_last")

_LOGGER = logging.getLogger("segue.services")

# Seconds before a step that failed is tried again: twice as many each time, up to the last.
_FIRST_DELAY, _LONGEST_DELAY = 1.0, 60.0

Told = Callable[[str, bool], None]


class Service(Protocol):
    """Something that is to be done again and again."""

    @property
    def name(self) -> str:
        """What it is called in logs and metrics."""
        ...

    async def step(self, now: int) -> float:
        """Do what is due at `now` (µs since the epoch), a little at a time; return the seconds until the next step."""
        ...


async def attend(services: Sequence[Service], clock: Clock, told: Told) -> None:
    """Step the services one after the other, each when it is due, until cancelled.

    A step that fails is logged, keeps no other service from its own, and is tried again, later each time. `told` is
    called after each step with the service's name, and whether it failed.
    """
    due = [(clock.monotonic(), index) for index in range(len(services))]
    delays = [_FIRST_DELAY] * len(services)
    while due:
        instant, index = heapq.heappop(due)
        await clock.sleep(max(0.0, instant - clock.monotonic()))
        wait = await _step(services[index], clock, told)
        if wait is None:
            wait, delays[index] = delays[index], min(2 * delays[index], _LONGEST_DELAY)
        else:
            delays[index] = _FIRST_DELAY
        heapq.heappush(due, (clock.monotonic() + wait, index))


async def attend_last(services: Sequence[Service], clock: Clock, told: Told) -> None:
    """Step the services once more, at the end."""
    for service in services:
        await _step(service, clock, told)


async def _step(service: Service, clock: Clock, told: Told) -> float | None:
    """Step a service; return the seconds until its next step, None if this one failed."""
    try:
        wait = await service.step(clock.now_us())
    except Exception as error:
        _LOGGER.error("A step of the service %s failed. %s", service.name, error, exc_info=error)
        told(service.name, True)
        return None
    told(service.name, False)
    return wait
