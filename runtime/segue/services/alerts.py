"""Alerts: sees to it that people are told of what happens to runs of other machines, which the server records."""

from collections.abc import Callable, Coroutine
from typing import Any

from segue.notify.starter import is_wanted, watch_events
from segue.settings import Settings
from segue_events import Bus

__all__ = ("Alerts", "Spawn")

# Seconds between two looks whether somebody is to be told of something by now.
_EVERY = 10.0

# How a coroutine is started in the background.
Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Alerts:
    """A service that starts the look-out for alerts once there are rules or targets.

    `spawn` starts it where it outlives the bus, so that it sees what is committed last.
    """

    name = "alerts"

    def __init__(self, bus: Bus, settings: Settings, spawn: Spawn) -> None:
        self._bus = bus
        self._settings = settings
        self._spawn = spawn
        self._is_watching = False

    async def step(self, now: int) -> float:
        """See Service."""
        if not self._is_watching and is_wanted(self._settings):
            self._is_watching = True
            self._spawn(watch_events(self._bus, self._settings))
        return _EVERY
