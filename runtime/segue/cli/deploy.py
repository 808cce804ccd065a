"""segue deploy: makes deployments of flows, as the files of a project and the options say."""

import asyncio
import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Annotated

from cyclopts import Parameter

from segue.cli.arguments import OutputForm
from segue.cli.deploy_options import DeployOptions
from segue.cli.errors import CommandFailed, Usage
from segue.cli.exit_codes import ExitCode
from segue.cli.output import Cell, say, say_json
from segue.cli.session import configured
from segue.deploying.choice import Chosen, choose, choose_all, laid_over
from segue.deploying.deploy import Deployed, deploy_all, plan_all
from segue.deploying.manifest import Manifest, read_manifest
from segue.deploying.plans import Plan
from segue.exceptions import FlowNotFound, WorkError
from segue.settings import Settings
from segue.work.session import open_work

__all__ = ("deploy",)


def deploy(
    *entrypoints: Annotated[str, Parameter(help="path/to/script.py:flow or package.module:flow.")],
    name: Annotated[
        list[str] | None,
        Parameter(name=["--name", "-n"], negative=(), help="What it is called; or which declared ones: 'taxi*'."),
    ] = None,
    every: Annotated[
        bool, Parameter(name="--all", negative=(), help="Deploy all that the project's files declare.")
    ] = False,
    options: Annotated[DeployOptions | None, Parameter(name="*")] = None,
    segue_file: Annotated[Path | None, Parameter(help="The project's file, if it is not here.")] = None,
    output: OutputForm = "text",
) -> None:
    """Make a deployment of a flow, or those that segue.yaml and deployment.yaml declare; options hold over files."""
    if every and (entrypoints or name):
        raise Usage("--all takes all that is declared; leave out --all, or the entrypoint and the name.")
    over = (options or DeployOptions()).entry()
    with configured() as settings, _one_sentence():
        folder = segue_file.absolute().parent if segue_file else Path.cwd()
        manifest = read_manifest(folder, segue_file)
        chosen = choose_all(manifest, os.environ) if every else choose(manifest, name or [], entrypoints, os.environ)
        plans = plan_all(manifest, [Chosen(place, laid_over(entry, over)) for place, entry in chosen])
        deployed = asyncio.run(_deployed(settings, folder, plans, shown=output == "text"))
        if output == "json":
            say_json([_json(one) for one in deployed])
            return
        if every:
            _say_left_out(manifest)
        _say_next(deployed)


@contextmanager
def _one_sentence() -> Generator[None]:
    """Whatever keeps flows from being deployed has the same exit code."""
    try:
        yield
    except (FlowNotFound, WorkError) as error:
        raise CommandFailed(str(error), ExitCode.RUN_FAILED) from error


async def _deployed(settings: Settings, folder: Path, plans: Sequence[Plan], *, shown: bool) -> list[Deployed]:
    deployed: list[Deployed] = []

    def tell(one: Deployed) -> None:
        deployed.append(one)
        if shown:
            what = "is made" if one.is_new else "is replaced"
            say(f"Deployment '{one.deployment.full_name}' {what}, with the id {one.deployment.id}.")

    async with open_work(settings) as work:
        await deploy_all(work, folder, plans, os.environ, tell)
    return deployed


def _say_left_out(manifest: Manifest) -> None:
    unnamed = sum(not one.name for one in manifest.declared)
    if unnamed:
        what = "1 deployment without a name is" if unnamed == 1 else f"{unnamed} deployments without a name are"
        say(Cell(f"{what} left out.", "dim"))


def _say_next(deployed: Sequence[Deployed]) -> None:
    say()
    say("Its runs wait for a worker:" if len(deployed) == 1 else "Their runs wait for workers:")
    for pool in dict.fromkeys(one.deployment.pool for one in deployed):
        say(f"  segue worker start --pool {quote(pool)}")
    say("Have it run:" if len(deployed) == 1 else "Have one run:")
    say(f"  segue deployment run {quote(deployed[0].deployment.full_name)}")


def _json(one: Deployed) -> dict[str, object]:
    deployment = one.deployment
    return {"id": deployment.id, "name": deployment.full_name, "pool": deployment.pool, "is_new": one.is_new}
