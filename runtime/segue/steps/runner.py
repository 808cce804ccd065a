"""Runner: runs the steps that build, push or pull a project, one after the other."""

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import anyio.to_thread

from segue.exceptions import InvalidProject, StepFailed, WorkError
from segue.steps.registry import Step, find_function
from segue.steps.templates import Sources, fill

__all__ = ("Finished", "run_steps")


class Finished(NamedTuple):
    """What steps put out, by their ids, and the folder that they led to."""

    outputs: Mapping[str, Any]
    folder: Path


async def run_steps(steps: Sequence[Step], sources: Sources, place: str) -> Finished:
    """Run steps in the current folder, which `set_working_directory` changes for the whole process.

    The arguments of each are filled in from `sources` and from what the steps before have put out. The folder they led
    to is the `directory` that one of them put out last, or else the current one. `place` is what errors call them.
    Raises StepFailed, and InvalidProject for a template without a value.
    """
    outputs: dict[str, Any] = dict(sources.outputs or {})
    folder = ""
    for step in steps:
        known = sources._replace(outputs=outputs, stored=sources.stored or _not_kept)
        arguments = fill(step.arguments, known, f"{place}: {step.name}")
        made = await _call(find_function(step), arguments, step.name)
        folder = str(made.get("directory", folder))
        outputs.update({step.id: made} if step.id else made)
    return Finished(outputs, Path.cwd() / folder)


def _not_kept(name: str) -> Any:
    raise InvalidProject(
        f"A step asks for `{{{{ {name} }}}}`, and nothing here keeps its value; write the value, or take it from the"
        " environment as {{ $NAME }}."
    )


async def _call(function: Callable[..., Any], arguments: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    try:
        # A plain function may take its time; the loop goes on meanwhile.
        if inspect.iscoroutinefunction(function):
            made = await function(**arguments)
        else:
            made = await anyio.to_thread.run_sync(lambda: function(**arguments))
            made = await made if inspect.isawaitable(made) else made
    except WorkError as error:
        raise StepFailed(f"The step {name} did not succeed. {error}") from error
    except Exception as error:  # it is anyone's function
        frame = traceback.extract_tb(error.__traceback__)[-1]
        raise StepFailed(
            f"The step {name} did not succeed: {type(error).__name__}: {error} ({frame.filename}, line {frame.lineno})."
        ) from error
    if made is not None and not isinstance(made, Mapping):
        raise StepFailed(f"The step {name} returned {type(made).__name__}; return a mapping of outputs, or None.")
    return cast("Mapping[str, Any]", made or {})
