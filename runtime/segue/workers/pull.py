"""Pull steps: how a run comes to its code, and where that is then."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from segue.exceptions import StepFailed
from segue.records.work import Claim

__all__ = ("arrive",)

# What a step says besides the inputs of its function.
_ABOUT = ("id", "requires")


def arrive(claim: Claim) -> None:
    """Make the folder of a claimed run's code the current one: its path, or where its pull steps end.

    Raises StepFailed, which says which step, and why.
    """
    deployment = claim.deployment
    directory = str(claim.job_variables.get("working_dir") or deployment.path or "")
    if directory:
        _enter(directory)
    for step in deployment.pull_steps:
        for name, inputs in step.items():
            _take(name, inputs)


def _enter(directory: str) -> None:
    try:
        os.chdir(Path(directory).expanduser())
    except OSError as error:
        raise StepFailed(
            f"The folder {directory} of the code cannot be entered ({error.strerror}). "
            "It has to be there on the machine of the worker; a pull step can bring it."
        ) from None


def _take(name: str, inputs: object) -> None:
    """Do a step; where it says a directory, that is where the next one begins."""
    given: Mapping[str, Any] = cast("Mapping[str, Any]", inputs) if isinstance(inputs, Mapping) else {}
    arguments = {key: value for key, value in given.items() if key not in _ABOUT}
    try:
        output = _function(name)(**arguments)
    except StepFailed:
        raise
    except Exception as error:
        raise StepFailed(f"The pull step {name} failed: {type(error).__name__}: {error}") from error
    if isinstance(output, Mapping):
        directory = cast("Mapping[str, Any]", output).get("directory")
        if directory:
            _enter(str(directory))


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.rpartition(".")
    try:
        found: Any = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise StepFailed(
            f"There is no pull step {name}: {error}. Write a function as package.module.function."
        ) from None
    return found
