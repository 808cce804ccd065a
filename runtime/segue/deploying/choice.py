"""Choice: which of the deployments that a project declares are meant."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from segue.deploying.entries import DeploymentEntry, PoolEntry
from segue.deploying.manifest import Declared, Manifest
from segue.exceptions import InvalidProject
from segue.suggestions import did_you_mean

__all__ = ("Chosen", "choose", "choose_all", "laid_over")


class Chosen(NamedTuple):
    """A deployment that is meant: where it is declared, and what is said of it there."""

    place: str
    entry: DeploymentEntry


def choose_all(manifest: Manifest, environ: Mapping[str, str]) -> list[Chosen]:
    """Return all deployments that have a name; raises InvalidProject if there is none."""
    chosen = [one for one in manifest.declared if one.name]
    if not chosen:
        there = "what is declared there has no `name:`" if manifest.declared else "no file declares any"
        raise InvalidProject(f"There is no deployment in {manifest.folder}: {there}; write one in deployment.yaml.")
    return [_read(one, environ) for one in chosen]


def choose(
    manifest: Manifest, names: Sequence[str], entrypoints: Sequence[str], environ: Mapping[str, str]
) -> list[Chosen]:
    """Return the deployments of these names, which may be patterns (`taxi*`, `flow/*`), for these entrypoints.

    A name that nothing declares is a new deployment of the entrypoint. Without any name, the only one that is declared
    is meant. Raises InvalidProject where none or several may be.
    """
    found = [one for name in names for one in _named(manifest, name, entrypoints, environ)] if names else []
    if not names:
        found = [_only(manifest, entrypoints, environ)]
    if not entrypoints:
        return found
    return [
        Chosen(place, msgspec.structs.replace(entry, entrypoint=entrypoint))
        for entrypoint in entrypoints
        for place, entry in found
    ]


def laid_over(entry: DeploymentEntry, over: DeploymentEntry) -> DeploymentEntry:
    """Return an entry with what `over` says in place of its own; parameters and job variables are added to them."""
    said = {key: value for key in entry.__struct_fields__ if (value := getattr(over, key)) not in (None, UNSET)}
    if over.parameters:
        said["parameters"] = {**(entry.parameters or {}), **over.parameters}
    if over.work_pool is not None:
        said["work_pool"] = _pool_over(entry.pool, over.pool)
    if over.schedules is not None:
        said["schedule"] = None
    return msgspec.structs.replace(entry, **said)


def _pool_over(pool: PoolEntry, over: PoolEntry) -> PoolEntry:
    return PoolEntry(
        name=over.name or pool.name,
        work_queue_name=over.work_queue_name or pool.work_queue_name,
        job_variables={**(pool.job_variables or {}), **(over.job_variables or {})},
    )


def _read(declared: Declared, environ: Mapping[str, str]) -> Chosen:
    return Chosen(declared.place, declared.entry(environ))


def _named(manifest: Manifest, name: str, entrypoints: Sequence[str], environ: Mapping[str, str]) -> list[Chosen]:
    fits = [one for one in manifest.declared if one.name and _fits(name, one)]
    if fits:
        return [_read(one, environ) for one in fits]
    if entrypoints:
        return [Chosen(f"the deployment '{name}'", DeploymentEntry(name=name))]
    names = [one.name for one in manifest.declared if one.name]
    there = f"There are: {', '.join(names)}." if names else "None is declared."
    raise InvalidProject(
        f"No deployment '{name}' is declared in {manifest.folder}.{did_you_mean(name, names)} {there}"
        " For a new one, say which flow: segue deploy path/to/script.py:flow."
    )


def _fits(pattern: str, declared: Declared) -> bool:
    full = f"{declared.written.get('flow_name') or '*'}/{declared.name}"
    return declared.name == pattern or fnmatchcase(declared.name, pattern) or fnmatchcase(full, pattern)


def _only(manifest: Manifest, entrypoints: Sequence[str], environ: Mapping[str, str]) -> Chosen:
    named = [one for one in manifest.declared if one.name]
    fitting = [one for one in named if not entrypoints or one.written.get("entrypoint") in entrypoints]
    if len(fitting) == 1 and len(entrypoints) < 2:
        return _read(fitting[0], environ)
    if entrypoints:
        raise InvalidProject(f"What shall the deployment of {entrypoints[0]} be called? Add -n NAME.")
    if named:
        names = ", ".join(one.name for one in named)
        raise InvalidProject(f"Which deployment? There are: {names}. Add -n NAME, or --all.")
    raise InvalidProject(
        f"What is to be deployed? Write `segue deploy path/to/script.py:flow -n NAME -p POOL`, or declare it in"
        f" {manifest.folder / 'deployment.yaml'}."
    )
