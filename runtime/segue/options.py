"""Every option of a flow and of a task, once: its name, type and default.

`cache_result_in_memory` changes nothing: segue keeps no cache of results in memory, only the value that each
caller, future and state holds. It is accepted since files written for Prefect set it, and are to run as they are.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from math import isfinite
from pathlib import Path
from typing import Any, TypedDict, cast

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
    for name, value in options.items():
        kinds, wanted = _KINDS.get(name, (object, ""))
        if value is not None and not isinstance(value, kinds):
            raise TypeError(f"{name} must be {wanted}, not {value!r}.")
    for name in HOOKS:
        if name in options:
            options[name] = hooks(name, options[name])
    if "tags" in options:
        options["tags"] = _tags(options["tags"])
    _check_timeout(options.get("timeout_seconds"))
    return options


# What is not listed here is checked by what reads it: retries.py, definitions.py, and `hooks` below.
_KINDS: dict[str, tuple[Any, str]] = {
    "name": (str, "a string"),
    "description": (str, "a string"),
    "version": (str, "a string"),
    "task_run_name": ((str, Callable), "a string or a function that returns one"),
    "flow_run_name": ((str, Callable), "a string or a function that returns one"),
    "cache_key_fn": (Callable, "a function"),
    "cache_expiration": (timedelta, "a datetime.timedelta"),
    "refresh_cache": (bool, "True or False"),
    "retry_condition_fn": (Callable, "a function"),
    "validate_parameters": (bool, "True or False"),
    "persist_result": (bool, "True or False"),
    "result_storage": ((str, Path), "a path"),
    "result_storage_key": (str, "a string"),
    "cache_result_in_memory": (bool, "True or False"),
    "log_prints": (bool, "True or False"),
}


def _tags(given: Any) -> frozenset[str]:
    if given is None:
        return frozenset()
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise TypeError(f"tags must be a list of strings, not {given!r}.")
    tags = list(cast("Iterable[Any]", given))
    for tag in tags:
        if not isinstance(tag, str):
            raise TypeError(f"tags must be a list of strings, and {tag!r} is none.")
    return frozenset(tags)


def _check_timeout(seconds: Any) -> None:
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"timeout_seconds must be a number of seconds, not {seconds!r}.")
    if not (isfinite(seconds) and seconds > 0):
        raise ValueError(f"timeout_seconds must be a finite number more than 0, not {seconds!r}.")


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
