"""Every option of a flow and of a task, once: its name, type and default."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypedDict

import msgspec

Hook = Callable[..., Any]
RunName = str | Callable[..., str]
Delays = float | int | Sequence[float] | Callable[[int], Sequence[float]]


class TaskOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a task; `TaskOptionsDict` has the same names for decorators and type checkers."""

    name: str | None = None
    description: str | None = None
    tags: frozenset[str] = frozenset()
    version: str | None = None
    cache_policy: Any = None
    cache_key_fn: Callable[..., str | None] | None = None
    cache_expiration: timedelta | None = None
    refresh_cache: bool | None = None
    task_run_name: RunName | None = None
    retries: int | None = None
    retry_delay_seconds: Delays | None = None
    retry_jitter_factor: float | None = None
    retry_condition_fn: Callable[..., Any] | None = None
    persist_result: bool | None = None
    result_storage: Path | str | None = None
    result_storage_key: str | None = None
    result_serializer: Any = None
    cache_result_in_memory: bool = True
    timeout_seconds: float | None = None
    log_prints: bool | None = None
    on_running: tuple[Hook, ...] = ()
    on_completion: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()
    on_crashed: tuple[Hook, ...] = ()
    on_cancellation: tuple[Hook, ...] = ()


class FlowOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a flow; `FlowOptionsDict` has the same names for decorators and type checkers."""

    name: str | None = None
    description: str | None = None
    version: str | None = None
    flow_run_name: RunName | None = None
    retries: int | None = None
    retry_delay_seconds: Delays | None = None
    retry_jitter_factor: float | None = None
    task_runner: Any = None
    timeout_seconds: float | None = None
    validate_parameters: bool = True
    persist_result: bool | None = None
    result_storage: Path | str | None = None
    result_serializer: Any = None
    cache_result_in_memory: bool = True
    log_prints: bool | None = None
    on_running: tuple[Hook, ...] = ()
    on_completion: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()
    on_crashed: tuple[Hook, ...] = ()
    on_cancellation: tuple[Hook, ...] = ()


class TaskOptionsDict(TypedDict, total=False):
    """What `@task(…)` and `Task.with_options(…)` take."""

    name: str | None
    description: str | None
    tags: Iterable[str] | None
    version: str | None
    cache_policy: Any
    cache_key_fn: Callable[..., str | None] | None
    cache_expiration: timedelta | None
    refresh_cache: bool | None
    task_run_name: RunName | None
    retries: int | None
    retry_delay_seconds: Delays | None
    retry_jitter_factor: float | None
    retry_condition_fn: Callable[..., Any] | None
    persist_result: bool | None
    result_storage: Path | str | None
    result_storage_key: str | None
    result_serializer: Any
    cache_result_in_memory: bool
    timeout_seconds: float | None
    log_prints: bool | None
    on_running: Iterable[Hook] | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None
    on_crashed: Iterable[Hook] | None
    on_cancellation: Iterable[Hook] | None


class FlowOptionsDict(TypedDict, total=False):
    """What `@flow(…)` and `Flow.with_options(…)` take."""

    name: str | None
    description: str | None
    version: str | None
    flow_run_name: RunName | None
    retries: int | None
    retry_delay_seconds: Delays | None
    retry_jitter_factor: float | None
    task_runner: Any
    timeout_seconds: float | None
    validate_parameters: bool
    persist_result: bool | None
    result_storage: Path | str | None
    result_serializer: Any
    cache_result_in_memory: bool
    log_prints: bool | None
    on_running: Iterable[Hook] | None
    on_completion: Iterable[Hook] | None
    on_failure: Iterable[Hook] | None
    on_crashed: Iterable[Hook] | None
    on_cancellation: Iterable[Hook] | None


HOOKS = ("on_running", "on_completion", "on_failure", "on_crashed", "on_cancellation")


def task_options(given: TaskOptionsDict, base: TaskOptions | None = None) -> TaskOptions:
    """Return `base` (or the defaults) with the `given` options; TypeError names a wrong one and its value."""
    return msgspec.structs.replace(base or TaskOptions(), **_checked(given, TaskOptions))


def flow_options(given: FlowOptionsDict, base: FlowOptions | None = None) -> FlowOptions:
    """Return `base` (or the defaults) with the `given` options; TypeError names a wrong one and its value."""
    return msgspec.structs.replace(base or FlowOptions(), **_checked(given, FlowOptions))


def _checked(given: Any, struct: type[msgspec.Struct]) -> dict[str, Any]:
    options: dict[str, Any] = dict(given)
    unknown = [name for name in options if name not in struct.__struct_fields__]
    if unknown:
        kind = struct.__name__.removesuffix("Options").lower()
        known = ", ".join(struct.__struct_fields__)
        raise TypeError(f"A {kind} has no option {unknown[0]!r}. Its options are: {known}.")
    for name in HOOKS:
        if name in options:
            options[name] = hooks(name, options[name])
    if "tags" in options:
        options["tags"] = frozenset(options["tags"] or ())
    timeout = options.get("timeout_seconds")
    if timeout is not None and not timeout > 0:
        raise ValueError(f"timeout_seconds must be more than 0, not {timeout!r}.")
    return options


def hooks(name: str, given: Iterable[Hook] | None) -> tuple[Hook, ...]:
    """Return the hooks as a tuple; TypeError if `given` is not a list of callables."""
    if given is None:
        return ()
    if callable(given) or isinstance(given, str):
        raise TypeError(f"{name} takes a list of functions; write {name}=[…] around {given!r}.")
    found = tuple(given)
    for hook in found:
        if not callable(hook):
            raise TypeError(f"{name} takes functions, and {hook!r} cannot be called.")
    return found
