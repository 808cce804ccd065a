"""What becomes of a run's value: kept in its event, in a file, under a cache key; and found again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakSet

import msgspec
from msgspec import UNSET

from segue import canonical, states
from segue.context import FlowRunContext, TaskRunContext, World, first
from segue.definitions import TaskDefinition
from segue.exceptions import HashError, NotCanonical, SegueError
from segue.logging import RunLogger
from segue.options import TaskOptions
from segue.records import CacheEntry
from segue.run_events import Inline
from segue.settings import Settings
from segue.states import State

if TYPE_CHECKING:
    from segue.cache_policies import CachePolicy, TaskContext
    from segue.results import LocalResultStore

_OBJECT = ord("{")


class Kept(msgspec.Struct, frozen=True):
    """Where a completed run's value is kept besides its event, and under which cache key until when (µs)."""

    ref: Any = None
    cache_key: str | None = None
    expires: int | None = None


def inline(value: Any, limit: int) -> Inline:
    """Return the value as it stands in an event: as JSON of at most `limit` bytes; UNSET if it has none."""
    if value is None or value is True or value is False:
        return value
    try:
        text = canonical.encode_within(value, limit)
    except NotCanonical:
        return UNSET
    if text is None:
        return UNSET
    # A number is its own JSON: nobody has to read it again to see what it is.
    return value if type(value) is int and text[0] != _OBJECT else msgspec.Raw(text)


class Keeping(msgspec.Struct, frozen=True):
    """How one run's value is kept: made only for runs whose options or settings ask for it."""

    # Whether the value is kept even where there is no cache key.
    persist: bool
    policy: CachePolicy | None
    refresh: bool
    expiration: timedelta | None
    store: LocalResultStore
    serializer: Any
    storage_key: str | None
    in_file: bool

    def key(self, context: TaskRunContext, log: Callable[[], RunLogger]) -> str | None:
        """Return the cache key of a task run, or None to run it uncached; inputs that have none are warned of once."""
        if self.policy is None:
            return None
        flow = context.flow_context
        try:
            return self.policy.compute_key(
                cast("TaskContext", context), context.parameters, {} if flow is None else flow.parameters
            )
        except HashError as error:
            if context.task not in _warned:
                _warned.add(context.task)
                log().warning("%s The task runs uncached.", error)
            return None

    def keep(self, world: World, names: dict[str, Any], value: Any, key: str | None) -> Kept:
        """Keep a value: in its event if that is small and plain, else in a file. Blocks; ResultNotSerializable."""
        expires = None
        if self.expiration is not None:
            expires = world.backend.clock.now_us() + self.expiration // timedelta(microseconds=1)
        if not self.in_file and inline(value, world.settings.results_inline_limit) is not UNSET:
            return Kept(None, key, expires)
        place = None if self.storage_key is None else self.storage_key.format(**names)
        ref = self.store.persist(value, self.serializer, key=place or key, expires=expires)
        return Kept(ref, key, expires)

    def reuse(self, entry: CacheEntry | None, log: Callable[[], RunLogger]) -> State[Any] | None:
        """Return the Cached state for an entry; None when there is none, or (with a warning) its value is gone."""
        if entry is None:
            return None
        try:
            value = self._value_of(entry)
        except (SegueError, OSError) as error:
            log().warning("A cached result cannot be used, so the task runs: %s", error)
            return None
        return states.Completed(name="Cached", data=value)

    def _value_of(self, entry: CacheEntry) -> Any:
        if entry.result is not None:
            return canonical.decode(entry.result)
        # Where it was kept then, which need not be where this run would keep it.
        return self.store.load_elsewhere(entry.ref)


# Tasks whose inputs could not be hashed: each is warned of once, not once for each of its runs.
_warned: WeakSet[TaskDefinition] = WeakSet()


def keeping_of_task(context: TaskRunContext) -> Keeping | None:
    """Return how the value of a task run is kept, or None where nothing asks for more than its event has."""
    task, world, flow = context.task, context.world, context.flow_context
    options, settings = task.options, world.settings
    persist = options.persist_result
    if persist is None:
        inherited = None if flow is None else flow.persist
        persist = settings.results_persist_by_default if inherited is None else inherited
    if options.persist_result is False or not (persist or task.keeps_results):
        return None
    in_file = bool(options.result_storage or options.result_serializer or options.result_storage_key)
    return Keeping(
        persist=persist or in_file,
        policy=None if settings.tasks_disable_caching else _policy(options),
        refresh=first(options.refresh_cache, settings.tasks_refresh_cache),
        expiration=options.cache_expiration,
        store=_store(options.result_storage, settings),
        serializer=options.result_serializer,
        storage_key=options.result_storage_key,
        in_file=in_file,
    )


def keeping_of_flow(context: FlowRunContext) -> Keeping | None:
    """Return how the value of a flow run is kept, or None where nothing asks for more than its event has."""
    options, settings = context.flow.options, context.world.settings
    in_file = bool(options.result_storage or options.result_serializer)
    if not first(context.persist, in_file or None, settings.results_persist_by_default):
        return None
    return Keeping(
        persist=True,
        policy=None,
        refresh=False,
        expiration=None,
        store=_store(options.result_storage, settings),
        serializer=options.result_serializer,
        storage_key=None,
        in_file=in_file,
    )


def _policy(options: TaskOptions) -> CachePolicy:
    if options.cache_policy is not None:
        return options.cache_policy
    # Policies and stores take a tenth of what segue takes to import, and most runs keep nothing.
    from segue.cache_policies import DEFAULT, CacheKeyFnPolicy  # noqa: PLC0415

    return DEFAULT if options.cache_key_fn is None else CacheKeyFnPolicy(cache_key_fn=options.cache_key_fn)


def _store(storage: Path | str | None, settings: Settings) -> LocalResultStore:
    # See _policy.
    from segue.results import LocalResultStore  # noqa: PLC0415

    return LocalResultStore(storage or settings.results_storage, settings.home / "results.key")
