"""A real server on a port of 127.0.0.1, with runs recorded in its journal."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec
import pytest
import uvicorn
from msgspec import UNSET

from segue import run_events, states
from segue.records import FlowRun, TaskRun
from segue.server.app import create_app
from segue.server.wiring import Wiring, wired
from segue.settings import load_settings
from segue_events import Event, SystemClock, new_id


@dataclass
class Server:
    """A running server: its address, a client of its API, its parts; and a way to record runs in it."""

    port: int
    wiring: Wiring
    client: httpx2.AsyncClient

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **params: Any) -> Any:
        """What a GET below /api answers, which must be 200."""
        answer = await self.client.get(f"/api{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def record(self, *events: Event) -> None:
        """Publish events, and wait until they are committed."""
        self.wiring.bus.publish_many(events)
        await self.wiring.bus.flushed()

    async def flow_run(self, *path: states.State[Any], **more: Any) -> FlowRun:
        """Record a flow run that goes through these states."""
        known = {"id": new_id(), "name": "brave-otter", "flow_name": "etl", "created": 10, **more}
        run = FlowRun(**{"root_id": known["id"], **known})
        run.enter(states.Pending(occurred=run.created or 0))
        events = [run_events.flow_run_pending(run)]
        for state in path:
            run.enter(state)
            result = state.data if state.is_completed() else UNSET
            events.append(run_events.flow_run_state(run, state, result))
        await self.record(*events)
        return run

    async def task_run(self, flow_run_id: str, *path: states.State[Any], **more: Any) -> TaskRun:
        """Record a task run that goes through these states."""
        known = {"id": new_id(), "name": "fetch-0", "task_name": "fetch", "flow_run_id": flow_run_id, "created": 20}
        run = TaskRun(**{**known, **more})
        run.enter(states.Pending(occurred=run.created or 0))
        events = [run_events.task_run_pending(run)]
        for state in path:
            run.enter(state)
            result = state.data if state.is_completed() else UNSET
            events.append(run_events.task_run_state(run, state, result))
        await self.record(*events)
        return run

    async def log(self, run: FlowRun | TaskRun, *messages: str, level: int = 20, occurred: int = 30) -> None:
        """Record lines that a run has logged."""
        flow_run_id = run.flow_run_id if isinstance(run, TaskRun) else run.id
        lines = [
            run_events.log_line(
                run_id=flow_run_id, subject=run.id, level=level, logger="segue", message=message, occurred=occurred
            )
            for message in messages
        ]
        await self.record(*lines)


class _Uvicorn(uvicorn.Server):
    """A uvicorn that leaves the process's signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(wiring: Wiring) -> AsyncIterator[Server]:
    """Serve these parts on a free port until the end of the `async with`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        # Or each answer waits 40 ms for the client to acknowledge its head, before its body is sent.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(create_app(wiring), ws="websockets-sansio", lifespan="off", log_config=None)
        uvicorn_server = _Uvicorn(config)
        serve = asyncio.create_task(uvicorn_server.serve([listener]))
        try:
            async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                yield Server(port, wiring, client)
        finally:
            uvicorn_server.should_exit = True
            await serve


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on a new database, which lets everybody in."""
    loaded = load_settings()
    loaded.settings.database.parent.mkdir(parents=True)
    async with wired(loaded, SystemClock()) as wiring, serving(wiring) as running:
        yield running


def structs(kind: Any, answer: Any) -> Any:
    """The answer as a wire type, which must have no field more."""
    made = msgspec.convert(answer, kind)
    assert msgspec.json.decode(msgspec.json.encode(made)) == answer
    return made
