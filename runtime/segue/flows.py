"""@flow: makes a function a flow, whose runs are recorded with everything they start."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar, Unpack, cast, overload

from segue.definitions import FlowDefinition
from segue.engine.flow_run import FlowCall
from segue.engine.starters import start
from segue.options import FlowOptionsDict, flow_options

if TYPE_CHECKING:
    from segue.records.work import Deployment

P = ParamSpec("P")
R = TypeVar("R", covariant=True)


class Origin(NamedTuple):
    """Where a flow that was loaded from elsewhere comes from: a folder or a repository, and its entrypoint there."""

    source: str
    entrypoint: str

    @property
    def is_repository(self) -> bool:
        """Whether it has to be cloned."""
        return "://" in self.source or self.source.endswith(".git")


class Flow(FlowDefinition, Generic[P, R]):
    """A function as a flow: each call is a flow run, or a subflow run inside of another flow.

    Besides its own arguments every call takes `return_state=True`, with which it returns the final State and
    raises no Exception, and `wait_for=[futures]`, which must have completed before it begins.
    """

    origin: Origin | None = None

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

    # --- deployed: by what stands upon flows, and is imported only when asked for ---

    @staticmethod
    def from_source(source: str | Path, entrypoint: str) -> Flow[..., Any]:
        """Return the flow at an entrypoint of a folder or git repository; see deploying/sourcing.py."""
        return _deploying("sourcing").flow_from_source(source, entrypoint)

    def to_deployment(self, name: str, **options: Any) -> Deployment:
        """Return a deployment of this flow, for `serve` or `deploy`; options as DeploymentOptions says."""
        return _deploying("declared").to_deployment(self, name, **options)

    def serve(self, name: str | None = None, **options: Any) -> None:
        """Run a deployment of this flow in processes of this machine until interrupted; options as for `serve`, too."""
        _deploying("serving").serve_flow(self, name, **options)

    def deploy(self, name: str, **options: Any) -> str:
        """Save a deployment of this flow for the workers of a pool, `work_pool_name`; return its id."""
        return _deploying("serving").deploy_flow(self, name, **options)

    def __get__(self, instance: object, owner: type | None = None) -> Flow[..., R]:
        """Return the flow of a method, bound to its object, as functions do."""
        return self.bound_to(instance, owner)

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}>"


def _deploying(module: str) -> Any:
    """Return a module of what stands upon flows: the one place where a flow reaches upward."""
    return import_module(f"segue.deploying.{module}")


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


__all__ = ("Flow", "Origin", "flow")
