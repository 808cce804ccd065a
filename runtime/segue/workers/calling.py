"""Calling a flow from its start to its end, whatever kind of function it is of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping
from typing import Any, cast

from segue.flows import Flow

__all__ = ("call_to_end",)


def call_to_end(flow: Flow[..., Any], parameters: Mapping[str, Any]) -> None:
    """Call the flow outside of any event loop, and let a generator go on to its end.

    Raises no Exception of the flow's own, except of a generator's; what interrupts the process is raised.
    """
    called: Any = flow(**parameters, return_state=True)
    if isinstance(called, Coroutine):
        asyncio.run(cast("Coroutine[Any, Any, Any]", called))
    elif isinstance(called, AsyncGenerator):
        asyncio.run(_exhaust(cast("AsyncGenerator[Any, Any]", called)))
    elif isinstance(called, Generator):
        for _ in cast("Generator[Any, Any, Any]", called):
            pass


async def _exhaust(generator: AsyncGenerator[Any, Any]) -> None:
    async for _ in generator:
        pass
