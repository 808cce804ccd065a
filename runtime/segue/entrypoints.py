"""Entrypoints: from `path/to/script.py:flow` or `package.module:flow` to the flow."""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from segue.exceptions import FlowNotFound
from segue.flows import Flow
from segue.suggestions import did_you_mean

__all__ = ("ScriptFailed", "load_flow")

Flows = dict[str, Flow[..., Any]]


class ScriptFailed(FlowNotFound):
    """A script or module went wrong while it was loaded; the text has its own frames."""


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """Import a script or a module and find a flow in it; without a name, its only one.

    The script's folder, or else the current one, is where its imports are looked for first. Raises FlowNotFound, which
    says what is there, or ScriptFailed, which says what went wrong in it.
    """
    place, name = _split(entrypoint)
    module = _from_script(Path(place)) if place.endswith(".py") else _from_module(place)
    flows: Flows = {key: value for key, value in vars(module).items() if isinstance(value, Flow)}
    if not name:
        return _only(place, flows)
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, Flow):
        return cast("Flow[..., Any]", found)
    if found is not None:
        raise FlowNotFound(f"'{name}' in {place} is not a flow but of type {type(found).__name__}; put @flow above it.")
    raise FlowNotFound(f"There is no flow '{name}' in {place}.{did_you_mean(name, flows)} {_there(flows)}")


def _split(entrypoint: str) -> tuple[str, str]:
    # A colon may be part of a path (C:\\flows.py); the one before a name comes last.
    place, colon, name = entrypoint.rpartition(":")
    if not colon or "/" in name or "\\\\" in name:
        return entrypoint, ""
    return place, name


def _only(place: str, flows: Flows) -> Flow[..., Any]:
    distinct = {id(flow): flow for flow in flows.values()}
    if len(distinct) == 1:
        return next(iter(distinct.values()))
    raise FlowNotFound(f"Which flow of {place}? {_there(flows)} Write {place}:NAME.")


def _there(flows: Flows) -> str:
    return f"It has: {', '.join(flows)}." if flows else "It has no flows; put @flow above a function."


def _from_script(path: Path) -> ModuleType:
    if not path.is_file():
        near = did_you_mean(path.name, (entry.name for entry in path.parent.glob("*.py")))
        what = "is a folder, not a script" if path.is_dir() else "does not exist"
        raise FlowNotFound(f"The script {path} {what} (looked for from {Path.cwd()}).{near}")
    folder = str(path.parent.absolute())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # Under its own name, so that what is pickled for another process can be found there; unless that name is taken.
    name = path.stem if path.stem not in sys.modules else f"segue_script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FlowNotFound(f"{path} is not a Python script.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _told_by_its_frames(str(path)):
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    return module


def _from_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise FlowNotFound(
            f"'{name}' is neither a script nor a module; write path/to/script.py:flow or package.module:flow."
        )
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    with _told_by_its_frames(name):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise
            script = f"path/to/{name.rpartition('.')[2]}.py:flow"
            raise FlowNotFound(f"There is no module '{name}'; for a script write its path: {script}.") from error


@contextmanager
def _told_by_its_frames(place: str) -> Generator[None]:
    """Turn what goes wrong in a user's script into ScriptFailed with the script's own frames."""
    try:
        yield
    except FlowNotFound:
        raise
    except SystemExit as error:
        raise ScriptFailed(
            f"{place} ended itself with sys.exit({error.code!r}) while it was loaded;"
            " put what the script does under `if __name__ == '__main__':`."
        ) from error
    except Exception as error:
        raise ScriptFailed(f"{place} could not be loaded:\n{_users_frames(error)}") from error


def _users_frames(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = (__file__, "<frozen importlib", importlib.__file__)
    users = [frame for frame in frames if not frame.filename.startswith(ours)]
    return "".join([*traceback.format_list(users), *traceback.format_exception_only(error)]).rstrip()
