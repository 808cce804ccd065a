"""Cache policies: what a task's result depends on, and so the key under which it may be used again.

Policies add up (`INPUTS + RUN_ID`) and leave inputs out (`INPUTS - "client"`). A key of None means: do not cache.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

from segue.canonical import digest
from segue.exceptions import HashError, NotCanonical
from segue.fingerprints import fingerprint


class CachedTask(Protocol):
    """What a policy asks of a task."""

    @property
    def fn(self) -> Callable[..., Any]:
        """The task's function."""
        ...

    @property
    def source(self) -> str:
        """The text of that function."""
        ...


class CachedTaskRun(Protocol):
    """What a policy asks of a task run."""

    @property
    def id(self) -> str:
        """The task run's id."""
        ...

    @property
    def flow_run_id(self) -> str:
        """The id of the flow run it belongs to, or ""."""
        ...


class TaskContext(Protocol):
    """What a policy is told of the task run whose result may be cached."""

    @property
    def task(self) -> CachedTask:
        """The task."""
        ...

    @property
    def task_run(self) -> CachedTaskRun:
        """The run of it."""
        ...


Values = Mapping[str, Any]


@dataclass
class CachePolicy(ABC):
    """What a cached result depends on; a subclass says it by `compute_key`.

    `key_storage`, `isolation_level` ("READ_COMMITTED" or "SERIALIZABLE") and `lock_manager` say where the keys are
    kept and how runs that compute the same key at once keep out of each other's way.
    """

    key_storage: Any = None
    isolation_level: Any = None
    lock_manager: Any = None

    # Whether "no key" of this policy within a sum means that it has nothing to add, rather than: do not cache.
    may_be_silent: ClassVar[bool] = False

    @classmethod
    def from_cache_key_fn(cls, cache_key_fn: Callable[..., str | None]) -> CacheKeyFnPolicy:
        """Return the policy whose key is what this function makes of (context, inputs)."""
        return CacheKeyFnPolicy(cache_key_fn=cache_key_fn)

    def configure(self, key_storage: Any = None, lock_manager: Any = None, isolation_level: Any = None) -> CachePolicy:
        """Return this policy with the given settings; what is None stays as it is."""
        given = {"key_storage": key_storage, "lock_manager": lock_manager, "isolation_level": isolation_level}
        return replace(self, **{name: value for name, value in given.items() if value is not None})

    @abstractmethod
    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """Return the key of this run's result, or None for no caching; raises HashError if inputs have no hash."""

    def __add__(self, other: CachePolicy) -> CachePolicy:
        """Depend on what either of them depends on; NO_CACHE adds nothing."""
        if isinstance(other, NoCache):
            return self
        return CompoundCachePolicy(policies=(self, other), **_joined(self, other))

    def __sub__(self, other: str) -> CachePolicy:
        """Leave out the input of this name; only policies of inputs change by that."""
        _check_input_name(other)
        return self


@dataclass
class CacheKeyFnPolicy(CachePolicy):
    """The key that a function of (context, inputs) returns, as it is; HashError if that fails or is no string."""

    cache_key_fn: Callable[..., str | None] | None = None

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy."""
        if self.cache_key_fn is None:
            return None
        try:
            key: Any = self.cache_key_fn(task_ctx, dict(inputs))
        except Exception as error:  # the user's function
            raise HashError(f"There is no cache key: cache_key_fn raised {type(error).__name__}: {error}.") from error
        if key is not None and not isinstance(key, str):
            raise HashError(f"There is no cache key: cache_key_fn returned {key!r}, and it must be a string or None.")
        return key


@dataclass
class CompoundCachePolicy(CachePolicy):
    """All of several policies: a new key as soon as one of theirs is new."""

    policies: Sequence[CachePolicy] = ()

    def __post_init__(self) -> None:
        flat: list[CachePolicy] = []
        for policy in self.policies:
            flat.extend(policy.policies if isinstance(policy, CompoundCachePolicy) else (policy,))
        self.policies = tuple(policy for policy in flat if not isinstance(policy, NoCache))

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy; None as soon as one policy forbids to cache, for a part of a key would fit too much."""
        keys: list[str] = []
        for policy in self.policies:
            key = policy.compute_key(task_ctx, inputs, flow_parameters, **kwargs)
            if key is not None:
                keys.append(key)
            elif not policy.may_be_silent:
                return None
        return digest("all", keys) if keys else None

    def __sub__(self, other: str) -> CachePolicy:
        """See CachePolicy."""
        return replace(self, policies=tuple(policy - other for policy in self.policies))


class NoCache(CachePolicy):
    """No caching; in a sum, nothing."""

    may_be_silent: ClassVar[bool] = True

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy."""
        return None

    def __add__(self, other: CachePolicy) -> CachePolicy:
        """Be the other policy."""
        return other


class TaskSource(CachePolicy):
    """The text of the task's function: a change of code is a new key."""

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy."""
        return digest("source", task_ctx.task.source)


class RunId(CachePolicy):
    """The flow run, or the task run itself where there is none: nothing is used again in another run."""

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy."""
        return task_ctx.task_run.flow_run_id or task_ctx.task_run.id


class FlowParameters(CachePolicy):
    """The parameters of the flow run; outside of one, or without any, nothing."""

    may_be_silent: ClassVar[bool] = True

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy."""
        return _hashed("flow parameter", flow_parameters) if flow_parameters else None


@dataclass
class Inputs(CachePolicy):
    """The task's arguments, without those in `exclude`; of a task without parameters, nothing."""

    may_be_silent: ClassVar[bool] = True

    exclude: Sequence[str] = ()

    def compute_key(
        self, task_ctx: TaskContext, inputs: Values, flow_parameters: Values | None, **kwargs: Any
    ) -> str | None:
        """See CachePolicy."""
        if not inputs:
            return None
        return _hashed("argument", {name: value for name, value in inputs.items() if name not in self.exclude})

    def __sub__(self, other: str) -> CachePolicy:
        """Leave out one more input."""
        _check_input_name(other)
        return replace(self, exclude=(*self.exclude, other))


def task_input_hash(context: TaskContext, arguments: dict[str, Any]) -> str | None:
    """A `cache_key_fn`: the key of the task's source and all its arguments; None if one of them has no hash."""
    try:
        return digest("task", context.task.source, _hashed("argument", arguments))
    except HashError:
        return None


def _hashed(noun: str, values: Values) -> str:
    """Return a digest of named values; the HashError tells which of them has none."""
    try:
        return digest(noun, dict(values))
    except NotCanonical:
        pass
    hashes: dict[str, str] = {}
    for name, value in values.items():
        try:
            hashes[name] = fingerprint(value)
        except HashError as error:
            raise HashError(
                f"There is no cache key, since {noun} {name!r} ({type(value).__name__}) has no hash: {error}. "
                f"Leave it out with `cache_policy=… - {name!r}`, make the key yourself with `cache_key_fn`, "
                "or say `cache_policy=NO_CACHE`."
            ) from error
    return digest(noun, "fingerprints", hashes)


def _joined(one: CachePolicy, other: CachePolicy) -> dict[str, Any]:
    """Return the settings of a sum; ValueError if the two have different ones."""
    settings: dict[str, Any] = {}
    for name in ("key_storage", "isolation_level", "lock_manager"):
        first, second = getattr(one, name), getattr(other, name)
        if first is not None and second is not None and first != second:
            raise ValueError(f"Cache policies with different values of {name} do not add up: {first!r} and {second!r}.")
        settings[name] = second if first is None else first
    return settings


def _check_input_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"Only the name of an input can be subtracted from a cache policy, not {name!r}.")


INPUTS = Inputs()
TASK_SOURCE = TaskSource()
RUN_ID = RunId()
FLOW_PARAMETERS = FlowParameters()
NO_CACHE = NoCache()
NONE = NO_CACHE
DEFAULT = INPUTS + TASK_SOURCE + RUN_ID
