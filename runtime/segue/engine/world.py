"""The world a run starts in: the backend and settings of the moment."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Generator
from concurrent.futures import Future
from contextvars import ContextVar

from segue.backend import Backend
from segue.context import FlowRunContext, RunContext, World, current_run
from segue.recording import backend_of
from segue.records import CacheEntry
from segue.requests import Heard
from segue.settings import Settings, get_current_settings
from segue.slots import Slots
from segue_events import Clock, Event

_backend: ContextVar[Backend | None] = ContextVar("segue_backend", default=None)


def world_of(context: RunContext | None) -> World:
    """Return the world of the run one is in, or what the settings say outside of runs.

    Raises JournalError when the journal cannot be opened.
    """
    if context is not None:
        return context.world
    settings = get_current_settings()
    return World(_backend.get() or backend_of(settings), settings)


class _OfThisProcess:
    """The backend of a forked process: its parent's has threads that it lacks, so it opens its own when needed."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self.clock = clock

    @property
    def slots(self) -> Slots:
        """See Backend."""
        return backend_of(self._settings).slots

    def publish(self, event: Event) -> None:
        """See Backend."""
        backend_of(self._settings).publish(event)

    def room(self) -> Future[int] | None:
        """See Backend."""
        return backend_of(self._settings).room()

    def flush(self) -> Future[int]:
        """See Backend."""
        return backend_of(self._settings).flush()

    def cached(self, key: str) -> Future[CacheEntry | None]:
        """See Backend."""
        return backend_of(self._settings).cached(key)

    def heed(self, run_id: str, heard: Heard) -> None:
        """See Backend."""
        backend_of(self._settings).heed(run_id, heard)

    def forget(self, run_id: str) -> None:
        """See Backend."""
        backend_of(self._settings).forget(run_id)


def _take_over_after_fork() -> None:
    """Let code in a forked child go on inside of its run: it records by itself, and can no longer submit."""
    context = current_run.get()
    while context is not None:
        context.world = World(
            _OfThisProcess(context.world.settings, context.world.backend.clock), context.world.settings
        )
        if isinstance(context, FlowRunContext):
            context.children = None
        context = context.parent


os.register_at_fork(after_in_child=_take_over_after_fork)


@contextlib.contextmanager
def use_backend(backend: Backend) -> Generator[None]:
    """Let runs that start inside of the `with` use this backend, whatever the settings say."""
    token = _backend.set(backend)
    try:
        yield
    finally:
        _backend.reset(token)
