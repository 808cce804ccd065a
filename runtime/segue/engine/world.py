"""The world a run starts in: the backend and settings of the moment."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from contextvars import ContextVar
from importlib import import_module

from segue.backend import Backend
from segue.context import RunContext, World
from segue.settings import Settings, get_current_settings

_backend: ContextVar[Backend | None] = ContextVar("segue_backend", default=None)


def world_of(context: RunContext | None) -> World:
    """Return the world of the run one is in, or what the settings say outside of runs.

    Raises JournalError when the journal cannot be opened.
    """
    if context is not None:
        return context.world
    settings = get_current_settings()
    return World(_backend.get() or _local_backend(settings), settings)


def _local_backend(settings: Settings) -> Backend:
    # The journal's packages take a third of what segue takes to import: who only defines flows does without.
    return import_module("segue.local_backend").local_backend(settings)


@contextlib.contextmanager
def use_backend(backend: Backend) -> Generator[None]:
    """Let runs that start inside of the `with` use this backend, whatever the settings say."""
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)
