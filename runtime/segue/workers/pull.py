"""Pull: how a run comes to its code, and where that is then; what was pulled just now is not pulled again."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import msgspec

from segue.exceptions import StepFailed
from segue.records.work import Claim
from segue.settings import get_current_settings
from segue.steps import Sources, read_steps, run_steps
from segue_events import Clock, SystemClock

__all__ = ("PULL_SECONDS", "arrive", "pulls")

PULL_SECONDS = 30.0
"""For how long pulled code serves further runs, unless the job variable `pull_seconds` says otherwise."""

# The step that brings nothing.
_GO = "set_working_directory"
_LOCK, _PLACE = ".lock", ".place"


def pulls(claim: Claim) -> bool:
    """Whether the claimed run's code has to be brought from somewhere."""
    return any(name.rpartition(".")[2] != _GO for step in claim.deployment.pull_steps for name in step)


def arrive(claim: Claim, clock: Clock | None = None) -> None:
    """Make the folder of a claimed run's code the current one: its path, or where its pull steps end.

    Raises StepFailed and InvalidProject, which say which step, and why.
    """
    directory = str(claim.job_variables.get("working_dir") or claim.deployment.path or "")
    if pulls(claim):
        _arrive_where_pulled(claim, directory, clock or SystemClock())
        return
    if directory:
        _enter(directory)
    if claim.deployment.pull_steps:
        _enter(_run(claim))


def _arrive_where_pulled(claim: Claim, directory: str, clock: Clock) -> None:
    """Pull into a folder that is kept for this deployment; into a given one, for every run."""
    if directory:
        _enter(directory)
        _enter(_run(claim))
        return
    lasts = float(claim.job_variables.get("pull_seconds", PULL_SECONDS))
    with _kept_folder(claim) as folder:
        _enter(str(folder))
        place = folder / _PLACE
        if place.exists() and clock.now_us() / 1e6 - place.stat().st_mtime < lasts:
            _enter(place.read_text())
            return
        pulled = _run(claim)
        place.write_text(pulled)
    _enter(pulled)


@contextmanager
def _kept_folder(claim: Claim) -> Generator[Path]:
    """Open the folder in which these steps bring the code of this deployment; one process at a time."""
    steps = hashlib.sha256(msgspec.json.encode(claim.deployment.pull_steps)).hexdigest()[:16]
    folder = get_current_settings().home / "pulled" / f"{claim.deployment.id}-{steps}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield folder
    except OSError as error:
        raise StepFailed(f"Code cannot be pulled into {folder}: {error.strerror}. Make room there.") from error


def _run(claim: Claim) -> str:
    """Run the pull steps from the current folder on; return the folder where they end."""
    place = f"the pull steps of deployment '{claim.deployment.full_name}'"
    steps = read_steps(claim.deployment.pull_steps, place)
    sources = Sources(environ=os.environ, outputs={})
    return str(anyio.run(partial(run_steps, steps, sources, place)).folder)


def _enter(directory: str) -> None:
    try:
        os.chdir(Path(directory).expanduser())
    except OSError as error:
        raise StepFailed(
            f"The folder {directory} of the code cannot be entered ({error.strerror}). "
            "It has to be there on the machine of the worker; a pull step can bring it."
        ) from None
