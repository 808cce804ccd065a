"""A relay between a client and a server that cuts connections."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute, SocketStream

Relay = Callable[[int, Iterable[int]], AbstractAsyncContextManager[str]]


@pytest.fixture
def relay() -> Relay:
    """A relay to a port: cuts the n-th connection after the n-th number of bytes from the server, later ones never."""
    return relaying


@asynccontextmanager
async def relaying(port: int, cuts: Iterable[int]) -> AsyncIterator[str]:
    left = iter(cuts)

    async def serve(client: SocketStream) -> None:
        async with client, await anyio.connect_tcp("127.0.0.1", port) as server, anyio.create_task_group() as group:
            group.start_soon(copy, client, server, None, group.cancel_scope)
            group.start_soon(copy, server, client, next(left, None), group.cancel_scope)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        yield f"ws://127.0.0.1:{listener.extra(SocketAttribute.local_port)}/"
        group.cancel_scope.cancel()


async def copy(source: ByteStream, target: ByteStream, limit: int | None, scope: anyio.CancelScope) -> None:
    """Carry bytes until an end is closed, or the limit is reached; then both directions end."""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while limit is None or limit > 0:
            data = await source.receive(65536 if limit is None else min(limit, 65536))
            await target.send(data)
            limit = None if limit is None else limit - len(data)
    scope.cancel()
