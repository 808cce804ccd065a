"""Registry: the function that a step's name means, built in or anyone's that can be imported."""

import importlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast, get_args, get_type_hints, is_typeddict

from segue.exceptions import InvalidProject, StepFailed
from segue.steps.folders import pull_from_remote_storage, set_working_directory
from segue.steps.git import git_clone
from segue.steps.pip import pip_install_requirements
from segue.steps.shell import run_shell_script
from segue.suggestions import did_you_mean

__all__ = ("Step", "check_arguments", "find_function", "read_steps")

# Under any of these, and alone, a built-in step is known by its name.
_HOMES = ("segue.steps.", "segue.deployments.steps.", "segue.projects.steps.")

_BUILT_IN: dict[str, Callable[..., Any]] = {
    "git_clone": git_clone,
    "git_clone_project": git_clone,
    "pip_install_requirements": pip_install_requirements,
    "pull_from_remote_storage": pull_from_remote_storage,
    "run_shell_script": run_shell_script,
    "set_working_directory": set_working_directory,
}


class Step(NamedTuple):
    """A step as it is written: a function's name and keywords.

    Its outputs are known to later ones by `id`. `requires` is the package that has the function.
    """

    name: str
    arguments: Mapping[str, Any]
    id: str = ""
    requires: str = ""


def read_steps(written: Sequence[Any], place: str) -> list[Step]:
    """Read steps, each a mapping of one name to its keywords; raises InvalidProject, which numbers them."""
    steps: list[Step] = []
    for number, one in enumerate(written, 1):
        pairs = list(cast("Mapping[Any, Any]", one).items()) if isinstance(one, Mapping) else []
        if len(pairs) != 1 or not isinstance(pairs[0][0], str):
            raise InvalidProject(
                f"{place}: step {number} is not one name with its arguments; write"
                " `- segue.steps.run_shell_script:` and `script: …` below it, further in."
            )
        steps.append(_step(pairs[0][0], pairs[0][1], f"{place}: step {number}"))
    return steps


def find_function(step: Step) -> Callable[..., Any]:
    """Return the function that a step calls; raises StepFailed if there is none, or it does not take the arguments."""
    function = _built_in(step.name) or _imported(step)
    _check_signature(step, function)
    return function


def check_arguments(steps: Sequence[Step]) -> None:
    """Raise StepFailed for what can be known to be wrong before steps run, here or on another machine."""
    for step in steps:
        function = _built_in(step.name)
        if function is not None:
            _check_signature(step, function)
        elif not _is_importable(step.name):
            raise _unknown(step.name)


def _step(name: str, arguments: Any, place: str) -> Step:
    keywords: Any = {} if arguments is None else arguments
    if not isinstance(keywords, dict):
        raise InvalidProject(f"{place}, {name}, has no names for its arguments; write `name: value` below it.")
    given = {str(key): value for key, value in cast("dict[Any, Any]", keywords).items()}
    requires = given.pop("requires", "") or ""
    # A list of packages, too, is something that a person writes here.
    packages = " ".join(map(str, cast("list[Any]", requires))) if isinstance(requires, list) else str(requires)
    return Step(name, given, id=str(given.pop("id", "") or ""), requires=packages)


def _built_in(name: str) -> Callable[..., Any] | None:
    for home in _HOMES:
        name = name.removeprefix(home)
    return _BUILT_IN.get(name)


def _is_importable(name: str) -> bool:
    return "." in name and not name.startswith(_HOMES) and all(part.isidentifier() for part in name.split("."))


def _unknown(name: str) -> StepFailed:
    last = name.rpartition(".")[2]
    return StepFailed(
        f"There is no step '{name}'.{did_you_mean(last, _BUILT_IN)} Write one of {', '.join(_BUILT_IN)}, or a function"
        " as package.module.function."
    )


def _imported(step: Step) -> Callable[..., Any]:
    if not _is_importable(step.name):
        raise _unknown(step.name)
    module_name, _, attribute = step.name.rpartition(".")
    here = str(Path.cwd())
    if "" not in sys.path and here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise StepFailed(f"The step {step.name} cannot be imported: {error}; install what it needs.") from error
        install = f"pip install {step.requires}" if step.requires else "install what has it, or correct the name"
        raise StepFailed(f"The step {step.name} is not there: no module '{error.name}'; {install}.") from error
    except Exception as error:  # it is anyone's module
        what = f"{type(error).__name__}: {error}"
        raise StepFailed(f"The step {step.name} cannot be imported: {what}.") from error
    function: Any = getattr(module, attribute, None)
    if not callable(function):
        raise StepFailed(
            f"There is no function '{attribute}' in {module_name}.{did_you_mean(attribute, vars(module))}"
            f" The step {step.name} cannot be taken."
        )
    return function


def _check_signature(step: Step, function: Callable[..., Any]) -> None:
    signature = inspect.signature(function)
    takes = _names(function, signature)
    wrong = next((name for name in step.arguments if takes and name not in takes), "")
    problem = f"an unexpected argument '{wrong}'" if wrong else ""
    if not wrong:
        try:
            signature.bind(**step.arguments)
        except TypeError as error:
            problem = str(error)
    if problem:
        hint = did_you_mean(wrong, takes) if wrong else ""
        raise StepFailed(f"The step {step.name} has {problem}.{hint} It takes: {', '.join(takes)}.")


def _names(function: Callable[..., Any], signature: inspect.Signature) -> list[str]:
    """Return the keywords that a function takes; none if it takes any."""
    names: list[str] = []
    for name, parameter in signature.parameters.items():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            names.append(name)
            continue
        listed = get_args(get_type_hints(function).get(name)) or (object,)
        if not is_typeddict(listed[0]):
            return []
        names += listed[0].__annotations__
    return names
