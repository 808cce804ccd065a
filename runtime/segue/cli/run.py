"""segue run: run a flow of a script or module, and show its tasks while they run."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import Future
from typing import Annotated, Any, cast

from cyclopts import Parameter

from segue.cli.arguments import flow_parameters
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.outcomes import say_outcome
from segue.cli.session import configured
from segue.cli.tree import RunTree
from segue.cli.views import View, choose_view
from segue.definitions import RESERVED
from segue.entrypoints import ScriptFailed, load_flow
from segue.exceptions import SegueError
from segue.flows import Flow
from segue.host import Host, close_hosts, current_host
from segue_events import Filter

__all__ = ("run",)

# How long the last events of a run that has ended may take from the journal to the screen, in seconds.
LAST_EVENTS = 5.0


def run(
    entrypoint: Annotated[str, Parameter(help="path/to/script.py:flow or package.module:flow.")],
    *,
    param: Annotated[
        list[str] | None, Parameter(name=["--param", "-p"], negative=(), help="A parameter of the flow: key=JSON.")
    ] = None,
    params: Annotated[
        str | None, Parameter(help="Parameters as a JSON object; - reads it from standard input.")
    ] = None,
    watch: Annotated[bool, Parameter(help="Show the run while it runs, or only how it ended.")] = True,
) -> int:
    """Run a flow of a script or module, and show its tasks while they run."""
    parameters = flow_parameters(param or [], params)
    for name in RESERVED:
        if name in parameters:
            raise Usage(f"'{name}' is not a parameter that a flow can have.")
    with configured() as settings:
        flow = _load(entrypoint)
        host = current_host(settings)
        try:
            return _run(flow, parameters, host, watch)
        finally:
            close_hosts()


def _load(entrypoint: str) -> Flow[..., Any]:
    try:
        return load_flow(entrypoint)
    except ScriptFailed as error:
        raise CommandFailed(str(error), ExitCode.RUN_FAILED) from error


def _run(flow: Flow[..., Any], parameters: dict[str, Any], host: Host, watch: bool) -> ExitCode:
    tree = RunTree()
    view = choose_view(tree, host.clock, watch=watch, logs=False)
    kinds = ("flow-run.*", "task-run.*") if watch else ("flow-run.*",)
    begun: Future[None] = Future()
    following = host.call(_follow, host, view, tree, Filter(kinds=kinds), begun)
    begun.result()
    interrupted = False
    with view.shown():
        try:
            _call(flow, parameters)
        except SegueError:
            # Not of the run but of the call: there is no run whose end could be told.
            following.cancel()
            raise
        except Exception:
            # A generator's flow has no other way to end than to raise what its function raised.
            _await_end(following)
            if tree.final is None:
                raise
        except SystemExit:
            # The script's own wish to end has its own code, which would be taken for one of ours.
            _await_end(following)
        except KeyboardInterrupt:
            _await_end(following)
            interrupted = True
        else:
            _await_end(following)
    code = say_outcome(tree)
    return ExitCode.INTERRUPTED if interrupted else code


async def _follow(host: Host, view: View, tree: RunTree, wanted: Filter, begun: Future[None]) -> None:
    """Show events of this process's runs until the flow run has ended."""
    try:
        async with host.bus.subscribe(wanted) as subscription:
            begun.set_result(None)
            async for events in subscription:
                view.take(events)
                if tree.final is not None:
                    return
    except BaseException as error:
        if begun.done():
            raise
        begun.set_exception(error)


def _await_end(following: Future[None]) -> None:
    """Wait for the last events of a run that has ended, which are on their way from the journal."""
    try:
        following.result(LAST_EVENTS)
    except TimeoutError:
        following.cancel()


def _call(flow: Flow[..., Any], parameters: dict[str, Any]) -> None:
    """Call the flow, and let a generator go on to its end."""
    called: Any = flow(**parameters, return_state=True)
    if isinstance(called, Coroutine):
        asyncio.run(cast("Coroutine[Any, Any, Any]", called))
    elif isinstance(called, AsyncGenerator):
        asyncio.run(_exhaust(cast("AsyncGenerator[Any, Any]", called)))
    elif isinstance(called, Generator):
        deque(cast("Generator[Any, Any, Any]", called), maxlen=0)


async def _exhaust(generator: AsyncGenerator[Any, Any]) -> None:
    async for _ in generator:
        pass
