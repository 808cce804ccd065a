"""@task: makes a function a task, to be called, submitted and mapped within flows."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from segue.annotations import Annotation, allow_failure, unmapped
from segue.context import Children, current_run, flow_context_of
from segue.definitions import TaskDefinition
from segue.engine.starters import start
from segue.engine.task_run import TaskCall
from segue.exceptions import MappingLengthMismatch, MappingMissingIterable
from segue.futures import FutureList, TaskFuture
from segue.inputs import resolve_futures_to_results
from segue.options import TaskOptionsDict, task_options
from segue.retries import exponential_backoff
from segue.states import State

if TYPE_CHECKING:
    from segue.cache_policies import task_input_hash

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
T = TypeVar("T")


class Task(TaskDefinition, Generic[P, R]):
    """A function as a step of flows: each call is recorded, retried, timed, cached and logged as its options say.

    Besides its own arguments every call takes `wait_for=[futures]`, which must have completed before it begins,
    and `return_state=True`, with which it returns the final State and raises no Exception.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the task here and now; a coroutine function's task gives a coroutine, a generator's a generator."""
        wait_for, return_state = _own_arguments(kwargs)
        call = TaskCall(self, args, kwargs, wait_for)
        return start(self.kind, call, return_state)

    @overload
    def submit(self: Task[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> TaskFuture[T]: ...
    @overload
    def submit(self, *args: Any, **kwargs: Any) -> TaskFuture[R]: ...

    def submit(self, *args: Any, **kwargs: Any) -> TaskFuture[Any]:
        """Start the task beside the flow and return its future.

        Arguments may be futures, also inside of lists and dicts: the task begins when they have completed.
        Raises RuntimeError outside of a flow.
        """
        wait_for, return_state = _own_arguments(kwargs)
        children = self._children()
        if return_state:
            children.refuse_wait()
        future = children.submit(TaskCall(self, args, kwargs, wait_for))
        if return_state:
            future.wait()
            return cast("TaskFuture[Any]", future.state)
        return future

    @overload
    def map(self: Task[P, Coroutine[Any, Any, T]], *args: Any, **kwargs: Any) -> FutureList[T]: ...
    @overload
    def map(self, *args: Any, **kwargs: Any) -> FutureList[R]: ...

    def map(self, *args: Any, **kwargs: Any) -> FutureList[Any]:
        """Submit the task once for each item of the iterable arguments, all of one length.

        Strings and what is wrapped in `unmapped` go to every call as they are; so does what is not iterable.
        Raises MappingLengthMismatch, MappingMissingIterable, and RuntimeError outside of a flow.
        """
        wait_for, return_state = _own_arguments(kwargs)
        children = self._children()
        if return_state:
            children.refuse_wait()
        given = self.parameters.bind((*self.bound, *args), kwargs)
        # Only what the caller passed is mapped over: a default is the same for every call, and so is a method's object.
        first = len(self.bound)
        passed = {*self.parameters.names[first : first + len(args)], *kwargs}
        each, static = _mapped({name: value for name, value in given.items() if name in passed})
        futures: FutureList[Any] = FutureList()
        for items in zip(*each.values(), strict=True):
            parameters = {**given, **static, **dict(zip(each, items, strict=True))}
            call_args, call_kwargs = self.parameters.call_args(parameters)
            futures.append(children.submit(TaskCall(self, call_args[first:], call_kwargs, wait_for)))
        if return_state:
            futures.wait()
            return cast("Any", [future.state for future in futures])
        return futures

    def _children(self) -> Children:
        flow = flow_context_of(current_run.get())
        if flow is None or flow.children is None:
            raise RuntimeError(
                f"Task {self.name!r} was submitted outside of a flow, where nothing would wait for it. "
                f"Submit it inside of a flow, or call it: {self.name}(…)."
            )
        return flow.children

    def with_options(self, **options: Unpack[TaskOptionsDict]) -> Task[P, R]:
        """Return a copy of the task with these options changed."""
        return Task(self.fn, task_options(options, self.options))

    def __get__(self, instance: object, owner: type | None = None) -> Task[..., R]:
        """Return the task of a method, bound to its object, as functions do."""
        return self.bound_to(instance, owner)

    def __repr__(self) -> str:
        return f"<Task {self.name!r}>"


@overload
def task(fn: Callable[P, R], /) -> Task[P, R]: ...
@overload
def task(**options: Unpack[TaskOptionsDict]) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(fn: Any = None, /, **options: Unpack[TaskOptionsDict]) -> Any:
    """Make a function a task: `@task`, or `@task(retries=3, …)` with the options of `TaskOptionsDict`.

    Raises TypeError or ValueError, naming the option, for one that cannot work.
    """
    chosen = task_options(options)

    def decorate(fn: Any) -> Task[..., Any]:
        return Task(fn, chosen)

    return decorate if fn is None else decorate(fn)


def _own_arguments(kwargs: dict[str, Any]) -> tuple[list[Any] | None, bool]:
    """Take what is meant for the engine out of a call's keyword arguments."""
    if not kwargs:
        return None, False
    wait_for = kwargs.pop("wait_for", None)
    return (None if wait_for is None else list(wait_for)), bool(kwargs.pop("return_state", False))


def _mapped(given: dict[str, Any]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    """Sort the arguments of a map into those that are iterated over and those that every call gets."""
    each: dict[str, list[Any]] = {}
    static: dict[str, Any] = {}
    for parameter, value in given.items():
        items, wrap = _items(value)
        if items is None:
            static[parameter] = cast("unmapped[Any]", value).value if isinstance(value, unmapped) else value
        else:
            each[parameter] = [wrap(item) for item in items] if wrap else items
    if not each:
        raise MappingMissingIterable(list(given))
    lengths = {parameter: len(items) for parameter, items in each.items()}
    if len(set(lengths.values())) > 1:
        raise MappingLengthMismatch(lengths)
    return each, static


def _items(value: Any) -> tuple[list[Any] | None, type[Annotation[Any]] | None]:
    """Return the items to map over, or None for a value that every call gets; and the mark each item carries."""
    if isinstance(value, allow_failure):
        return _items(cast("allow_failure[Any]", value).value)[0], allow_failure
    if isinstance(value, (TaskFuture, State)):
        # What it will hold is not known before it ends, so `map` waits for it.
        return _items(resolve_futures_to_results(value))
    if isinstance(value, (str, bytes, Annotation)):
        return None, None
    try:
        return list(value), None
    except TypeError:
        return None, None


def __getattr__(name: str) -> Any:
    # Few tasks have a cache policy, and policies take long to import.
    if name == "task_input_hash":
        return import_module("segue.cache_policies").task_input_hash
    raise AttributeError(f"module 'segue.tasks' has no attribute {name!r}.")


__all__ = ("Task", "exponential_backoff", "task", "task_input_hash")
