"""Serving: a process that runs the deployments of its own flows; and deploying flows to pools, from code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, Unpack

import anyio
from msgspec.structs import replace

from segue.deploying.declared import DeploymentOptions, to_deployment
from segue.exceptions import BlockingInLoopError, InvalidWork
from segue.flows import Flow
from segue.futures import running_loop
from segue.host import close_hosts
from segue.records.work import Deployment
from segue.settings import Settings, get_current_settings
from segue.work.session import open_work
from segue.workers.starting import Wanted, start_worker

__all__ = ("adeploy", "aserve", "deploy", "deploy_flow", "serve", "serve_flow")


def serve(
    *deployments: Deployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
) -> None:
    """Run these deployments in processes of this machine, until interrupted; each from `flow.to_deployment(…)`.

    Up to `limit` runs go at a time. With `pause_on_shutdown`, schedules rest while nobody serves them. Raises
    BlockingInLoopError inside of an event loop, and InvalidWork for deployments that are for a pool.
    """
    if running_loop() is not None:
        raise BlockingInLoopError("deployments that are served", "`await aserve(…)`")
    try:
        anyio.run(
            lambda: aserve(
                *deployments,
                pause_on_shutdown=pause_on_shutdown,
                print_starting_message=print_starting_message,
                limit=limit,
            )
        )
    finally:
        close_hosts()


async def aserve(
    *deployments: Deployment,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
) -> None:
    """Do in a coroutine what `serve` does."""
    if not deployments:
        raise InvalidWork(
            "There is nothing to serve; give serve() deployments, as flow.to_deployment('name') makes them."
        )
    for one in deployments:
        if one.pool:
            raise InvalidWork(
                f"Deployment '{one.full_name}' is for work pool '{one.pool}', whose workers run it; "
                "leave out work_pool_name to serve it here."
            )
    settings = get_current_settings()
    saved = await _saved(settings, deployments)
    if print_starting_message:
        sys.stderr.write(_welcome(saved))
    try:
        name = os.path.basename(sys.argv[0]) or "serve"
        await start_worker(settings, Wanted(pool="", queues=tuple(one.id for one in saved), name=name, limit=limit))
    finally:
        if pause_on_shutdown:
            with anyio.CancelScope(shield=True):
                await _saved(settings, [replace(one, paused=True) for one in saved if one.schedules])


def serve_flow(
    flow: Flow[..., Any],
    name: str | None = None,
    *,
    pause_on_shutdown: bool = True,
    print_starting_message: bool = True,
    limit: int | None = None,
    **options: Unpack[DeploymentOptions],
) -> None:
    """Serve one deployment of a flow; without a name it has the flow's."""
    made = to_deployment(flow, name or flow.name, **options)
    serve(made, pause_on_shutdown=pause_on_shutdown, print_starting_message=print_starting_message, limit=limit)


def deploy(
    *deployments: Deployment, work_pool_name: str | None = None, print_next_steps_message: bool = True
) -> list[str]:
    """Save deployments, for the workers of a pool; return their ids.

    Raises BlockingInLoopError inside of an event loop, InvalidWork for one without a pool, UnknownPool.
    """
    if running_loop() is not None:
        raise BlockingInLoopError("deployments that are saved", "`await adeploy(…)`")
    return anyio.run(
        lambda: adeploy(*deployments, work_pool_name=work_pool_name, print_next_steps_message=print_next_steps_message)
    )


async def adeploy(
    *deployments: Deployment, work_pool_name: str | None = None, print_next_steps_message: bool = True
) -> list[str]:
    """Do in a coroutine what `deploy` does."""
    placed = [replace(one, pool=work_pool_name or one.pool) for one in deployments]
    for one in placed:
        if not one.pool:
            raise InvalidWork(f"Deployment '{one.full_name}' has no work pool; give work_pool_name, or serve() it.")
    saved = await _saved(get_current_settings(), placed)
    if print_next_steps_message:
        pools = dict.fromkeys(one.pool for one in saved)
        names = ", ".join(f"'{one.full_name}'" for one in saved)
        starts = "".join(f"\n  segue worker start --pool '{pool}'" for pool in pools)
        sys.stderr.write(f"Deployed {names}. Their runs wait for a worker:{starts}\n")
    return [one.id for one in saved]


def deploy_flow(
    flow: Flow[..., Any], name: str, *, print_next_steps: bool = True, **options: Unpack[DeploymentOptions]
) -> str:
    """Save one deployment of a flow for a pool; return its id."""
    return deploy(to_deployment(flow, name, **options), print_next_steps_message=print_next_steps)[0]


async def _saved(settings: Settings, deployments: Sequence[Deployment]) -> list[Deployment]:
    async with open_work(settings) as work:
        return [await work.save_deployment(one) for one in deployments]


def _welcome(deployments: Sequence[Deployment]) -> str:
    lines = [f"  segue deployment run '{one.full_name}'\n" for one in deployments]
    return f"These deployments are served here until you interrupt it; have them run by:\n{''.join(lines)}"
