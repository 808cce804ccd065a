"""Running: has a deployment run from code, and waits for what comes of it."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypedDict, Unpack

import anyio

from segue.context import current_run
from segue.exceptions import BlockingInLoopError
from segue.futures import running_loop
from segue.recording import backend_of
from segue.records import FlowRun
from segue.records.work import RunRequest
from segue.settings import Settings, get_current_settings
from segue.states import microseconds
from segue.store import Store
from segue.tables import projections
from segue.work.session import open_work
from segue_events import SystemClock
from segue_events.journal.sqlite import SqliteJournal

__all__ = ("RunOptions", "arun_deployment", "run_deployment")


class RunOptions(TypedDict, total=False):
    """How a deployment is run.

    `timeout` is how many seconds to wait for the end: None for as long as it takes, 0 not at all; every
    `poll_interval` seconds it is looked for. Whoever asks with the same `idempotency_key` means the same run. Inside of
    a run it is a child of that run, unless `as_subflow` is False.
    """

    parameters: Mapping[str, Any] | None
    scheduled_time: datetime | None
    flow_run_name: str | None
    timeout: float | None
    poll_interval: float
    tags: Sequence[str] | None
    idempotency_key: str | None
    as_subflow: bool
    job_variables: Mapping[str, Any] | None


def run_deployment(name: str, **options: Unpack[RunOptions]) -> FlowRun:
    """Have a deployment run, by its id or `flow/name`; return the run as it is when it has ended, or time is up.

    Raises BlockingInLoopError inside of an event loop, UnknownDeployment, AmbiguousDeployment, InvalidRun.
    """
    if running_loop() is not None:
        raise BlockingInLoopError("a deployment's run", "`await arun_deployment(…)`")
    return anyio.run(lambda: arun_deployment(name, **options))


async def arun_deployment(name: str, **options: Unpack[RunOptions]) -> FlowRun:
    """Do in a coroutine what `run_deployment` does."""
    settings, asker = get_current_settings(), current_run.get()
    due = options.get("scheduled_time")
    parent = asker.run.id if asker is not None and options.get("as_subflow", True) else ""
    if parent:
        # It is to be found by whoever puts the new run below it.
        await anyio.to_thread.run_sync(backend_of(settings).flush().result)
    async with open_work(settings) as work:
        deployment = await work.deployment(name)
        run = await work.create_run(
            RunRequest(
                deployment_id=deployment.id,
                parameters=dict(options.get("parameters") or {}),
                due=None if due is None else microseconds(due),
                name=options.get("flow_run_name") or "",
                tags=tuple(options.get("tags") or ()),
                key=options.get("idempotency_key") or "",
                parent_id=parent,
                job_variables=dict(options.get("job_variables") or {}),
            )
        )
    timeout = options.get("timeout")
    return await _ended(settings, run, math.inf if timeout is None else timeout, options.get("poll_interval", 0.25))


async def _ended(settings: Settings, run: FlowRun, patience: float, interval: float) -> FlowRun:
    """Look for the run until it has ended, or time is up; return it as it was then."""
    clock = SystemClock()
    until = clock.monotonic() + patience
    if patience <= 0:
        return run
    async with _looking(settings) as look:
        while not (run := await look(run.id)).state.is_final() and clock.monotonic() < until:
            await clock.sleep(min(interval, until - clock.monotonic()))
    return run


@asynccontextmanager
async def _looking(settings: Settings) -> AsyncGenerator[Callable[[str], Awaitable[FlowRun]]]:
    if settings.api_url:
        # See open_work.
        from segue.client import AsyncClient  # noqa: PLC0415
        from segue.client.records import flow_run_in  # noqa: PLC0415

        async with AsyncClient(settings.api_url, settings.api_key) as client:

            async def look(run_id: str) -> FlowRun:
                return flow_run_in(await client.flow_run(run_id))

            yield look
        return
    async with SqliteJournal(settings.database, projections=projections(), read_only=True) as journal:
        yield Store(journal).runs.flow_run
