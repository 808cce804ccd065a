"""The inputs of a task call: the futures and states in its arguments, found, waited for and replaced."""

from __future__ import annotations

import copy
import dataclasses
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple, cast

from segue import states
from segue.annotations import allow_failure, opaque, quote, unmapped
from segue.futures import TaskFuture
from segue.states import State, StateType

# Values in which no future can hide, known without looking: nearly every argument is one of these.
LEAVES = frozenset({str, int, float, bool, bytes, type(None)})
_SEQUENCES = (list, tuple, set, frozenset, deque)


class Upstream(NamedTuple):
    """A future or state that a call depends on, and whether it may have failed."""

    source: TaskFuture[Any] | State[Any]
    may_fail: bool


def find_upstream(values: Iterable[Any]) -> list[Upstream]:
    """Return what the values depend on: futures and states, also within lists, tuples, sets, deques, dicts (their
    keys too) and the fields of dataclasses.

    However deep they lie, and also where a list contains itself.
    """
    found: list[Upstream] = []
    left = [(value, False) for value in values if type(value) not in LEAVES]
    seen: set[int] = set()
    while left:
        value, may_fail = left.pop()
        if isinstance(value, (TaskFuture, State)):
            found.append(Upstream(cast("TaskFuture[Any] | State[Any]", value), may_fail))
        elif isinstance(value, (allow_failure, unmapped)):
            inner = cast("allow_failure[Any] | unmapped[Any]", value)
            left.append((inner.value, may_fail or isinstance(inner, allow_failure)))
        elif (parts := _parts(value)) and id(value) not in seen:
            seen.add(id(value))
            # One pass in C says of a long list of numbers or strings that there is nothing to find.
            if not LEAVES.issuperset(map(type, parts)):
                left.extend((item, may_fail) for item in parts if type(item) not in LEAVES)
    found.reverse()
    return found


def _parts(value: Any) -> Collection[Any]:
    """Return what a value consists of, in which futures are looked for: nothing for all but containers."""
    if isinstance(value, _SEQUENCES):
        return cast("Collection[Any]", value)
    if isinstance(value, dict):
        mapping = cast("dict[Any, Any]", value)
        return mapping.values() if LEAVES.issuperset(map(type, mapping)) else [*mapping, *mapping.values()]
    if dataclasses.is_dataclass(cast("object", value)) and not isinstance(value, type):
        return [getattr(value, field.name, None) for field in dataclasses.fields(value)]
    return ()


def resolved(value: Any) -> Any:
    """Return the value with each future and state in it replaced by its result, and marks taken off.

    One that failed is replaced by its exception; `blocked_by` has made sure that this was allowed.
    """
    return _replaced(value, _result)


def traced(value: Any) -> Any:
    """Return the value with each future in it replaced by its step key, which stands for its result in hashes."""
    return _replaced(value, _trace)


def resolve_futures_to_states(value: Any) -> Any:
    """Return the value with each future in it replaced by its state; waits for them."""
    for upstream in find_upstream([value]):
        if isinstance(upstream.source, TaskFuture):
            upstream.source.wait()
    return _replaced(value, _state)


def resolve_futures_to_results(value: Any) -> Any:
    """Return the value with each future in it replaced by its result; waits for them, raises if one failed."""
    return _replaced(value, lambda source: source.result())


def blocked_by(upstreams: Iterable[Upstream]) -> str | None:
    """Return the message of a run that cannot begin because of its upstream runs, or None if it can."""
    for source, may_fail in upstreams:
        state = _state(source)
        if state.type is StateType.COMPLETED or (may_fail and state.is_final()):
            continue
        run_id = source.task_run_id if isinstance(source, TaskFuture) else _id_of(source)
        return f"Upstream task run '{run_id}' did not reach a 'COMPLETED' state."
    return None


def open_futures(upstreams: Iterable[Upstream]) -> list[TaskFuture[Any]]:
    """Return the futures that have not ended yet."""
    return [source for source, _ in upstreams if isinstance(source, TaskFuture) and not source.done()]


def upstream_ids(upstreams: Iterable[Upstream]) -> tuple[str, ...]:
    """Return the ids of the upstream task runs."""
    ids = (source.task_run_id if isinstance(source, TaskFuture) else _id_of(source) for source, _ in upstreams)
    return tuple(run_id for run_id in ids if run_id)


def final_state(value: Any) -> State[Any]:
    """Apply the final-state rule to what a function returned; futures in it have ended.

    A future, a state, or a list, set or tuple made only of these decides by their states; any other value is
    a success.
    """
    sources = returned_sources(value)
    if not sources:
        return State(StateType.COMPLETED, "Completed", data=value)
    found = [_state(source) for source in sources]
    state = states.aggregate(found)
    if state.type is StateType.COMPLETED:
        state.data = resolved(value)
    else:
        state.data = next((one.data for one in found if isinstance(one.data, BaseException)), None)
    return state


def returned_sources(value: Any) -> list[TaskFuture[Any] | State[Any]]:
    """Return the futures and states that a returned value consists of, or [] for any other value."""
    if type(value) in LEAVES:
        return []
    if isinstance(value, (TaskFuture, State)):
        return [cast("TaskFuture[Any] | State[Any]", value)]
    if isinstance(value, (list, tuple, set)):
        items = list(cast("list[Any]", value))
        return items if items and all(isinstance(item, (TaskFuture, State)) for item in items) else []
    return []


def _state(source: TaskFuture[Any] | State[Any]) -> State[Any]:
    return source.state if isinstance(source, TaskFuture) else source


def _id_of(state: State[Any]) -> str:
    return state.details.task_run_id or "" if state.details is not None else ""


def _result(source: TaskFuture[Any] | State[Any]) -> Any:
    return source.result(raise_on_failure=False)


def _trace(source: TaskFuture[Any] | State[Any]) -> Any:
    return ("upstream", source.step_key) if isinstance(source, TaskFuture) else source.data


def _replaced(value: Any, replace: Callable[[Any], Any], made: dict[int, Any] | None = None) -> Any:
    """Return the value with `replace(source)` for each source in it; containers without any are left as they are.

    `made` has the copies of containers that are being made, by the original's id, for those that contain themselves.
    """
    if type(value) in LEAVES:
        return value
    if isinstance(value, (quote, opaque)):
        return cast("quote[Any]", value).value
    if isinstance(value, (unmapped, allow_failure)):
        return _replaced(cast("unmapped[Any]", value).value, replace, made)
    if isinstance(value, (TaskFuture, State)):
        return replace(value)
    if not find_upstream([value]):
        return value
    made = {} if made is None else made
    if id(value) not in made:
        return _rebuilt(value, lambda part: _replaced(part, replace, made), made)
    return made[id(value)]


def _rebuilt(value: Any, replaced: Callable[[Any], Any], made: dict[int, Any]) -> Any:
    """Return a container of the same type, with the same attributes, whose parts are replaced."""
    if isinstance(value, tuple):
        return _rebuilt_tuple(cast("tuple[Any, ...]", value), replaced)
    if isinstance(value, (set, frozenset)):
        return _rebuilt_set(cast("set[Any]", value), replaced)
    copied = made[id(value)] = _copied(value)
    if isinstance(value, dict):
        items = cast("dict[Any, Any]", value).items()
        copied.clear()
        copied.update([(_replaced_key(key, replaced), replaced(item)) for key, item in items])
    elif isinstance(value, (list, deque)):
        copied.clear()
        copied.extend([replaced(part) for part in cast("list[Any]", value)])
    else:
        _replace_fields(copied, replaced)
    return copied


def _copied(value: Any) -> Any:
    """Return a shallow copy; of a container that cannot be copied, an empty one of the type that it derives from."""
    try:
        return copy.copy(value)
    except Exception:  # whatever a type of the user's own raises
        empty: tuple[Any, ...] = ({}, [], deque[Any]())
        for container in empty:
            if isinstance(value, type(container)):
                return container
        raise


def _rebuilt_tuple(value: tuple[Any, ...], replaced: Callable[[Any], Any]) -> tuple[Any, ...]:
    # Past the type's own `__new__`, which takes what it likes: a named tuple's takes the parts one by one.
    rebuilt = cast("Any", tuple).__new__(type(value), [replaced(part) for part in value])
    if hasattr(value, "__dict__"):
        rebuilt.__dict__.update(value.__dict__)
    return rebuilt


def _rebuilt_set(value: set[Any], replaced: Callable[[Any], Any]) -> Collection[Any]:
    parts = [replaced(part) for part in value]
    try:
        return type(value)(parts)
    except TypeError:  # a set of futures may have results that no set can hold
        return parts


def _replace_fields(instance: Any, replaced: Callable[[Any], Any]) -> None:
    """Replace the fields of a dataclass's instance, also of a frozen one: nobody else has seen this copy yet."""
    for field in dataclasses.fields(instance):
        if hasattr(instance, field.name):
            object.__setattr__(instance, field.name, replaced(getattr(instance, field.name)))


def _replaced_key(key: Any, replaced: Callable[[Any], Any]) -> Any:
    new = replaced(key)
    try:
        hash(new)
    except TypeError:
        raise TypeError(
            f"{key!r} is a key of a dict, and its result, a {type(new).__name__}, cannot be one: pass it as a value."
        ) from None
    return new
