"""What a decorator makes of a function: its name, signature, options, and how it is to be called."""

from __future__ import annotations

import copy
import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from enum import Enum
from typing import Any, Self, cast

import msgspec

from segue.exceptions import ReservedArgumentError
from segue.names import check_name, flow_name
from segue.options import FlowOptions, Hook, TaskOptions, hooks
from segue.parameters import Parameters
from segue.retries import Delays, RetryPolicy, retry_policy

# The arguments of every call that are not the function's.
RESERVED = ("return_state", "wait_for")


class FunctionKind(Enum):
    """How a user's function is called."""

    PLAIN = "plain"
    COROUTINE = "coroutine"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"

    @property
    def is_async(self) -> bool:
        """Tell whether the function runs in an event loop."""
        return self in (FunctionKind.COROUTINE, FunctionKind.ASYNC_GENERATOR)


def function_kind(fn: Callable[..., Any]) -> FunctionKind:
    """Tell how `fn` is called; looks through `functools.partial` and callable objects."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    if not inspect.isroutine(fn) and not inspect.isclass(fn):
        fn = fn.__call__
    if inspect.isasyncgenfunction(fn):
        return FunctionKind.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(fn):
        return FunctionKind.COROUTINE
    return FunctionKind.GENERATOR if inspect.isgeneratorfunction(fn) else FunctionKind.PLAIN


class Definition:
    """What flows and tasks have in common: a function, its parameters, and how it is called."""

    fn: Callable[..., Any]
    name: str
    options: Any
    # The object (or class) that a method's flow or task was taken from: the first argument of each call.
    bound: tuple[Any, ...] = ()
    _policy: tuple[tuple[Any, Any], RetryPolicy] | None = None

    def _take(self, fn: Callable[..., Any]) -> None:
        # A class method cannot be called before it is bound; until then it stands for its function.
        called: Any = cast("Any", fn).__func__ if isinstance(fn, (classmethod, staticmethod)) else fn
        if not callable(called):
            raise TypeError(f"{fn!r} is not a function: a flow or task is made of something to call.")
        self.fn = cast("Callable[..., Any]", called)
        self._wrapper: type[Any] = type(cast("Any", fn))
        functools.update_wrapper(cast("Any", self), called)
        self.parameters = Parameters(called)
        self.kind = function_kind(called)

    def _check(self, noun: str) -> None:
        """Refuse what cannot work: parameters that calls need for themselves, and options of retries."""
        for name in RESERVED:
            if name in self.parameters.names:
                raise ReservedArgumentError(f"{noun} {self.name!r}", name)
        if self.options.retries is None and callable(self.options.retry_delay_seconds):
            # It is to be asked with the number of retries, which the settings have.
            retry_policy(jitter=self.options.retry_jitter_factor)
        else:
            self.policy(0, None)

    def policy(self, default_retries: int, default_delay: Delays | None) -> RetryPolicy:
        """Return the retry policy: the options', and the given defaults where they say nothing.

        Raises TypeError or ValueError for defaults that cannot work.
        """
        options = self.options
        given = (
            default_retries if options.retries is None else options.retries,
            default_delay if options.retry_delay_seconds is None else options.retry_delay_seconds,
        )
        made = self._policy
        if made is None or made[0] != given:
            # The defaults are those of the settings, which hardly ever change between two runs.
            made = self._policy = (given, retry_policy(*given, options.retry_jitter_factor))
        return made[1]

    def bound_to(self, instance: object, owner: type | None) -> Self:
        """Return this flow or task as an attribute of an object or class, as functions and methods are."""
        first = owner if self._wrapper is classmethod else instance
        if first is None or self._wrapper is staticmethod or not hasattr(self.fn, "__get__"):
            return self
        bound = copy.copy(self)
        bound.bound = (first,)
        return bound

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Pickle by name where the name leads back here, as functions are; else by function and options."""
        found: Any = sys.modules.get(self.__module__)
        qualified: str = getattr(self, "__qualname__", "")
        for part in qualified.split("."):
            found = getattr(found, part, None)
        return qualified if found is self else (type(self), (self.fn, self.options))

    @property
    def description(self) -> str | None:
        """The description given, or else the function's docstring."""
        return self.options.description or inspect.getdoc(self.parameters.fn)

    @property
    def isasync(self) -> bool:
        """Whether the function is a coroutine function or asynchronous generator function."""
        return self.kind.is_async

    @property
    def isgenerator(self) -> bool:
        """Whether the function is a generator function of either kind."""
        return self.kind in (FunctionKind.GENERATOR, FunctionKind.ASYNC_GENERATOR)

    def on_running(self, fn: Hook) -> Hook:
        """Decorate a function to be called when a run begins an attempt."""
        return self._hook("on_running", fn)

    def on_completion(self, fn: Hook) -> Hook:
        """Decorate a function to be called when a run has completed."""
        return self._hook("on_completion", fn)

    def on_failure(self, fn: Hook) -> Hook:
        """Decorate a function to be called when a run has failed for good."""
        return self._hook("on_failure", fn)

    def on_crashed(self, fn: Hook) -> Hook:
        """Decorate a function to be called when a run was ended from outside."""
        return self._hook("on_crashed", fn)

    def on_cancellation(self, fn: Hook) -> Hook:
        """Decorate a function to be called when a run is cancelled."""
        return self._hook("on_cancellation", fn)

    def _hook(self, name: str, fn: Hook) -> Hook:
        added = hooks(name, [*getattr(self.options, name), fn])
        self.options = msgspec.structs.replace(self.options, **{name: added})
        return fn

    @functools.cached_property
    def source(self) -> str:
        """The function's source text, or its compiled code where there is no source."""
        fn = inspect.unwrap(self.fn)
        try:
            return inspect.getsource(fn)
        except (OSError, TypeError):
            code = getattr(fn, "__code__", None)
            return repr(fn) if code is None else code.co_code.hex()


class TaskDefinition(Definition):
    """A task: a function with `TaskOptions`. Errors: TypeError, ValueError for options that cannot work."""

    def __init__(self, fn: Callable[..., Any], options: TaskOptions) -> None:
        self._take(fn)
        self.options = options
        self.name = options.name or function_name(fn)
        self.tags = options.tags
        self.version = options.version
        self._check("Task")
        _check_policy(options.cache_policy)
        # Who says how a result is kept or cached wants it to be.
        asked = (options.cache_policy, options.cache_key_fn, options.result_storage, options.result_storage_key)
        self.keeps_results = any(option is not None for option in (*asked, options.result_serializer))

    @functools.cached_property
    def task_key(self) -> str:
        """The task's identity across runs: its qualified name and a hash of its code."""
        qualified = getattr(self.fn, "__qualname__", self.name)
        return f"{qualified}-{hashlib.sha256(self.source.encode()).hexdigest()[:8]}"


class FlowDefinition(Definition):
    """A flow: a function with `FlowOptions`. Errors: TypeError, ValueError for options that cannot work."""

    def __init__(self, fn: Callable[..., Any], options: FlowOptions) -> None:
        self._take(fn)
        self.options = options
        self.name = flow_name(fn) if options.name is None else check_name(options.name)
        self._check("Flow")

    @functools.cached_property
    def entrypoint(self) -> str:
        """Where the flow is defined: `path/of/file.py:function`, or `module:function` where there is no file."""
        fn = inspect.unwrap(self.fn)
        qualified = getattr(fn, "__qualname__", self.name)
        code = getattr(fn, "__code__", None)
        return f"{fn.__module__ if code is None else code.co_filename}:{qualified}"

    @functools.cached_property
    def version(self) -> str:
        """The version given, or a hash of the source file."""
        if self.options.version is not None:
            return self.options.version
        file = inspect.getsourcefile(inspect.unwrap(self.fn))
        try:
            with open(file or "", "rb") as source:
                return hashlib.md5(source.read(), usedforsecurity=False).hexdigest()
        except OSError:
            return hashlib.md5(self.source.encode(), usedforsecurity=False).hexdigest()


def _check_policy(policy: Any) -> None:
    if policy is None:
        return
    # Most tasks have none, and policies take long to import.
    from segue.cache_policies import CachePolicy  # noqa: PLC0415

    if not isinstance(policy, CachePolicy):
        raise TypeError(f"cache_policy must be a CachePolicy such as INPUTS, not {policy!r}.")


def function_name(fn: Callable[..., Any]) -> str:
    """Return the name a function goes by; of a `partial`, that of what it calls."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return getattr(fn, "__name__", type(fn).__name__)
