"""Deploy: builds and pushes what a plan says, and saves its deployment."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from segue.deploying.choice import Chosen
from segue.deploying.manifest import Manifest
from segue.deploying.plans import Plan, check_settled, plan
from segue.deploying.project import remember_entrypoint
from segue.exceptions import AmbiguousDeployment, InvalidProject, UnknownDeployment, WorkError
from segue.records.work import Deployment
from segue.steps import Sources, run_steps
from segue.steps.templates import fill
from segue.work.protocol import Work

__all__ = ("Deployed", "deploy_all", "plan_all")

# What steps may put out for, besides the steps that pull.
_FILLED = ("parameters", "tags", "description", "version", "job_variables")


class Deployed(NamedTuple):
    """A deployment that was saved, and whether there was none of its name before."""

    deployment: Deployment
    is_new: bool


def plan_all(manifest: Manifest, chosen: Sequence[Chosen]) -> list[Plan]:
    """Plan deployments, as `plan` does each; raises InvalidProject, too, where two would be the same."""
    with chdir(manifest.folder):
        plans = [plan(manifest, one) for one in chosen]
    places: dict[str, str] = {}
    for one in plans:
        name = one.deployment.full_name
        if name in places:
            raise InvalidProject(f"{places[name]} and {one.place} are both '{name}'; give one of them another name.")
        places[name] = one.place
    return plans


async def deploy_all(
    work: Work,
    folder: Path,
    plans: Sequence[Plan],
    environ: Mapping[str, str],
    told: Callable[[Deployed], None],
) -> None:
    """Do the steps of plans and save their deployments, one after the other; tell of each that is saved.

    All their pools must be there before anything is done. Raises UnknownPool, StepFailed, InvalidProject for a
    template without a value, and what `Work.save_deployment` raises.
    """
    for pool in dict.fromkeys(one.deployment.pool for one in plans):
        await work.pool(pool)
    for one in plans:
        with chdir(folder):
            made = await _built(one, environ)
        before = await _before(work, made.full_name)
        if before is not None and one.keeps_schedules:
            made = msgspec.structs.replace(made, schedules=before.schedules)
        if before is not None and one.keeps_pause:
            made = msgspec.structs.replace(made, paused=before.paused)
        saved = await work.save_deployment(made)
        remember_entrypoint(folder, saved.flow_name, saved.entrypoint)
        told(Deployed(saved, before is None))


async def _built(one: Plan, environ: Mapping[str, str]) -> Deployment:
    """Build and push, and fill in what that put out."""
    built = await run_steps(one.build, Sources(environ=environ, outputs={}), f"{one.place}, build")
    pushed = await run_steps(one.push, Sources(environ=environ, outputs=built.outputs), f"{one.place}, push")
    made, outputs = one.deployment, Sources(outputs=pushed.outputs)
    filled: dict[str, Any] = {field: fill(getattr(made, field), outputs, f"{one.place}: {field}") for field in _FILLED}
    # The environment of a pull step is the worker's, so that no secret of this one is saved.
    pull = fill(made.pull_steps, Sources(outputs=pushed.outputs, more_to_come=True), f"{one.place}, pull")
    try:
        made = msgspec.convert({**msgspec.to_builtins(made), **filled, "pull_steps": pull}, Deployment)
        check_settled(one.flow, made.parameters, made.enforce_parameter_schema)
    except (msgspec.ValidationError, WorkError) as error:
        raise InvalidProject(f"{one.place}: {error}") from None
    return made


async def _before(work: Work, name: str) -> Deployment | None:
    """Return the deployment of exactly this name."""
    try:
        found = await work.deployment(name)
    except (AmbiguousDeployment, UnknownDeployment):
        return None
    return found if found.full_name == name else None
