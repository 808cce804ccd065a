"""AsyncClient: asks a server in coroutines, and reads its stream."""

from collections.abc import AsyncGenerator, Sequence
from random import SystemRandom
from typing import Any, Self, TypeVar, Unpack

from segue.api import types
from segue.api.engine import CacheEntryBody, EventIn
from segue.api.work import RunIn
from segue.client import asks, work_asks
from segue.client.asks import Ask, EventQuery, FlowRunQuery, LogQuery, TaskRunQuery
from segue.client.exchange import Address, Attempts, answer_of, request_of
from segue.client.failures import ServerAway
from segue.client.lines import AnyReader
from segue.client.transport import AsyncTransport
from segue.records.work import Deployment
from segue_events import Clock, Event, Filter, SystemClock

__all__ = ("AsyncClient",)

T = TypeVar("T")


class AsyncClient:
    """Asks the server at an API's URL, "http://127.0.0.1:4200/api"; to be used within `async with`.

    `key` is an API key of the server's. A request that gets no answer is tried again a few times; what changes
    something is done once all the same. Every method raises ServerAway where there is no answer in the end, and
    RequestRefused, with the server's sentence, for what the server will not do.
    """

    def __init__(self, url: str, key: str | None = None, *, clock: Clock | None = None, attempts: int = 4) -> None:
        self.address = Address.of(url, key)
        self._clock = clock or SystemClock()
        self._attempts = attempts
        self._transport = AsyncTransport(self.address.url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *end: Any) -> None:
        await self._transport.__aexit__(*end)

    async def ask(self, ask: Ask[T]) -> T:
        """Ask for anything there is in segue.client.asks."""
        request = request_of(ask, self.address)
        attempts = Attempts(SystemRandom(), self._attempts)
        while True:
            try:
                response = await self._transport.send(request)
            except ServerAway:
                rest = attempts.rest(None)
                if rest is None:
                    raise
            else:
                rest = attempts.rest(response)
                if rest is None:
                    return answer_of(ask, self.address, response)
            await self._clock.sleep(rest)

    async def version(self) -> types.VersionBody:
        """Return which versions answer."""
        return await self.ask(asks.version())

    async def ready(self) -> types.Health:
        """Return "ok" when the server can do its work; else ServerAway says why not."""
        return await self.ask(asks.ready())

    async def flow_runs(self, **query: Unpack[FlowRunQuery]) -> types.Page[types.FlowRunItem]:
        """Return a page of flow runs; the `next` of one is the `cursor` of the next."""
        return await self.ask(asks.flow_runs(query))

    async def count_flow_runs(self, **query: Unpack[FlowRunQuery]) -> types.Counts:
        """Return how many flow runs there are in each type of state."""
        return await self.ask(asks.count_flow_runs(query))

    async def flow_run(self, wanted: str) -> types.FlowRunBody:
        """Return a flow run, by its id, the beginning of it, or its name."""
        return await self.ask(asks.flow_run(wanted))

    async def states(self, flow_run: str) -> types.Page[types.StateChange]:
        """Return the states that a flow run came to, and why."""
        return await self.ask(asks.states(flow_run))

    async def logs(self, flow_run: str, **query: Unpack[LogQuery]) -> types.Page[types.LogLineBody]:
        """Return log lines of a flow run and its task runs."""
        return await self.ask(asks.logs(flow_run, query))

    async def graph(self, flow_run: str) -> types.Graph:
        """Return what was called in a flow run."""
        return await self.ask(asks.graph(flow_run))

    async def task_runs(self, **query: Unpack[TaskRunQuery]) -> types.Page[types.TaskRunItem]:
        """Return a page of task runs."""
        return await self.ask(asks.task_runs(query))

    async def task_run(self, wanted: str) -> types.TaskRunBody:
        """Return a task run, by its id, the beginning of it, or its name."""
        return await self.ask(asks.task_run(wanted))

    async def flows(self, limit: int = 50, cursor: str | None = None) -> types.Page[types.FlowBody]:
        """Return a page of flows by their runs."""
        return await self.ask(asks.flows(limit=limit, cursor=cursor))

    async def cancel(self, flow_run: str, reason: str = "") -> types.RequestTaken:
        """Ask a flow run to stop; it obeys when it hears of it."""
        return await self.ask(asks.cancel(flow_run, reason))

    async def retry(self, flow_run: str) -> types.FlowRunBody:
        """Have a deployment's flow run that has ended run again, as another attempt."""
        return await self.ask(work_asks.retry(flow_run))

    async def deployments(
        self, *, flow: str = "", pool: str = "", tag: str = "", search: str = ""
    ) -> types.Page[Deployment]:
        """Return all deployments that fit, by name."""
        return await self.ask(work_asks.deployments(flow, pool, tag, search))

    async def deployment(self, name: str) -> Deployment:
        """Return a deployment, by its id, or by its name as anybody would write it."""
        return await self.ask(work_asks.deployment(name))

    async def run_deployment(self, deployment_id: str, given: RunIn | None = None) -> types.FlowRunBody:
        """Have a deployment run, at once or when `given` says; return the run, which waits for a worker."""
        return await self.ask(work_asks.run_deployment(deployment_id, given or RunIn()))

    async def delete(self, flow_run: str) -> None:
        """Delete a flow run from all lists."""
        await self.ask(asks.delete(flow_run))

    async def events(self, **query: Unpack[EventQuery]) -> types.Page[types.EventBody]:
        """Return a page of the journal's events."""
        return await self.ask(asks.events(query))

    async def publish(self, events: Sequence[EventIn]) -> int:
        """Commit events, all or none; return the seq of the journal's last event. Those with known ids are skipped."""
        return (await self.ask(asks.publish(events))).head

    async def cached(self, key: str) -> CacheEntryBody:
        """Return the result that lies under a cache key; RequestRefused (404) where there is none."""
        return await self.ask(asks.cached(key))

    async def stream(self, filter: Filter | None = None, after: str = "now") -> AsyncGenerator[list[Event]]:
        """Yield events as they are committed, for as long as they are asked for, over lost connections too.

        `after` is a cursor, "start" or "now". Raises CursorReset when a cursor cannot be followed, StreamRefused when
        the server will not have this client.
        """
        async with AnyReader(self.address, filter=filter, after=after, clock=self._clock) as reader:
            async for batch in reader:
                yield batch
