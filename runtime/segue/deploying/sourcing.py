"""Sourcing: flows whose code is elsewhere, in a folder or a repository."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from segue.entrypoints import load_flow
from segue.exceptions import FlowNotFound
from segue.flows import Flow, Origin
from segue.settings import get_current_settings
from segue.steps import Sources, Step, read_steps, run_steps

__all__ = ("flow_from_source",)


def flow_from_source(source: str | Path, entrypoint: str) -> Flow[..., Any]:
    """Return the flow at an entrypoint of a folder, or of a git repository, which is cloned for that.

    What is deployed of it is brought from there by its worker. Raises FlowNotFound and StepFailed.
    """
    origin = Origin(str(source), entrypoint)
    folder = _cloned(origin.source) if origin.is_repository else Path(source).expanduser().resolve()
    if not folder.is_dir():
        raise FlowNotFound(
            f"There is no folder {folder} to load {entrypoint} from; give a folder, or a repository's URL."
        )
    flow = load_flow(str(folder / entrypoint))
    flow.origin = origin if origin.is_repository else Origin(str(folder), entrypoint)
    return flow


def _cloned(repository: str) -> Path:
    kept = get_current_settings().home / "pulled" / "sources"
    kept.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = f"from_source of {repository}"
    steps = read_steps([{"segue.steps.git_clone": {"repository": repository}}], place)
    return anyio.run(partial(_run_in, kept, steps, place))


async def _run_in(folder: Path, steps: Sequence[Step], place: str) -> Path:
    # The step clones into the current folder.
    with chdir(folder):
        return (await run_steps(steps, Sources(environ={}, outputs={}), place)).folder
