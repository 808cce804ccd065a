"""Launchers by the type of pool that they serve."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from segue.exceptions import InvalidWork
from segue.settings import Settings
from segue.suggestions import did_you_mean
from segue.workers.launcher import Launcher

__all__ = ("TYPES", "launcher_of")

# By the names to import them by: who starts processes needs no client of Docker.
_MAKERS = {
    "process": "process_launcher:process_launcher",
    "docker": "docker_launcher:docker_launcher",
    "kubernetes": "kubernetes_launcher:kubernetes_launcher",
}

TYPES = tuple(_MAKERS)
"""The types of pools that there are launchers for."""


def launcher_of(kind: str, settings: Settings) -> Launcher:
    """Return a launcher for pools of this type; raises InvalidWork, with the types there are."""
    maker = _MAKERS.get(kind)
    if maker is None:
        raise InvalidWork(
            f"No worker can be of type '{kind}'.{did_you_mean(kind, TYPES)} There are: {', '.join(TYPES)}."
        )
    module, _, name = maker.partition(":")
    made: Callable[[Settings], Launcher] = getattr(import_module(f"segue.workers.{module}"), name)
    return made(settings)
