"""@flow: makes a function a flow, whose runs are recorded with everything they start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar, Unpack, cast, overload

from segue.definitions import FlowDefinition
from segue.engine.flow_run import FlowCall
from segue.engine.starters import start
from segue.options import FlowOptionsDict, flow_options

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Flow(FlowDefinition, Generic[P, R]):
    """A function as a flow: each call is a flow run, or a subflow run inside of another flow.

    Besides its own arguments every call takes `return_state=True`, with which it returns the final State and
    raises no Exception, and `wait_for=[futures]`, which must have completed before it begins.
    """

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the flow; a coroutine function's flow gives a coroutine, a generator's a generator.

        Raises the user's own exception when the run fails, ParameterBindError for arguments that do not fit,
        and JournalError when its events cannot be written.
        """
        wait_for = kwargs.pop("wait_for", None)
        return_state = bool(kwargs.pop("return_state", False))
        call = FlowCall(self, args, kwargs, cast("Any", wait_for))
        return start(self.kind, call, return_state)

    def with_options(self, **options: Unpack[FlowOptionsDict]) -> Flow[P, R]:
        """Return a copy of the flow with these options changed."""
        return Flow(self.fn, flow_options(options, self.options))

    def validate_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters coerced to the function's annotations; ParameterTypeError says what does not fit."""
        return self.parameters.validate(parameters)

    def __get__(self, instance: object, owner: type | None = None) -> Flow[..., R]:
        """Return the flow of a method, bound to its object, as functions do."""
        return self.bound_to(instance, owner)

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}>"


@overload
def flow(fn: Callable[P, R], /) -> Flow[P, R]: ...
@overload
def flow(**options: Unpack[FlowOptionsDict]) -> Callable[[Callable[P, R]], Flow[P, R]]: ...


def flow(fn: Any = None, /, **options: Unpack[FlowOptionsDict]) -> Any:
    """Make a function a flow: `@flow`, or `@flow(retries=3, …)` with the options of `FlowOptionsDict`.

    Raises TypeError or ValueError, naming the option, for one that cannot work.
    """
    chosen = flow_options(options)

    def decorate(fn: Any) -> Flow[..., Any]:
        return Flow(fn, chosen)

    return decorate if fn is None else decorate(fn)


__all__ = ("Flow", "flow")
