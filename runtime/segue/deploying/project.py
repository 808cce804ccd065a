"""Project: the files that a folder with flows begins with, and what segue remembers of its flows."""

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from segue.deploying.editors import editors_schema
from segue.deploying.manifest import DEPLOYMENT_FILE, PROJECT_FILE
from segue.exceptions import InvalidProject
from segue.steps.ignoring import IGNORE_FILE
from segue.suggestions import did_you_mean
from segue.version import __version__

__all__ = ("RECIPES", "Recipe", "begin_project", "entrypoint_of", "remember_entrypoint")

FOLDER = ".segue"
SCHEMA_FILE = "segue.schema.json"
FLOWS_FILE = "flows.json"


class Recipe(NamedTuple):
    """How the code of a project comes to the machine that runs it: what it is for, the fields it asks for, its steps.

    `steps` is what the file says of them, with the fields in it, of which `fields` has the defaults for a folder.
    """

    about: str
    fields: Callable[[Path], dict[str, str]]
    steps: str


def begin_project(
    folder: Path, *, name: str | None = None, recipe: str | None = None, fields: Mapping[str, str] | None = None
) -> list[str]:
    """Write the files of a project that are not there yet, and return their names.

    Without a recipe, git's is taken in a repository that has an origin, and else the local one. Raises InvalidProject
    for a recipe or a field that there is not, and where the folder cannot be written to.
    """
    if recipe is not None and recipe not in RECIPES:
        raise InvalidProject(
            f"There is no recipe '{recipe}'.{did_you_mean(recipe, RECIPES)} There are: {', '.join(RECIPES)}."
        )
    chosen = recipe or ("git" if _git(folder, "remote", "get-url", "origin") else "local")
    steps = _steps(chosen, folder, fields or {})
    files = {
        IGNORE_FILE: _IGNORED,
        DEPLOYMENT_FILE: _DEPLOYMENTS,
        PROJECT_FILE: _PROJECT.format(name=_quoted(name or folder.name), version=__version__, steps=steps),
    }
    made: list[str] = []
    try:
        for file, text in files.items():
            # Never over what is there, not even by a link that leads nowhere.
            with suppress(FileExistsError), (folder / file).open("x", encoding="utf-8") as opened:
                opened.write(text)
                made.append(file)
        with suppress(FileExistsError):
            (folder / FOLDER).mkdir()
            made.append(f"{FOLDER}/")
        (folder / FOLDER / SCHEMA_FILE).write_text(json.dumps(editors_schema(), indent=1), encoding="utf-8")
    except OSError as error:
        raise InvalidProject(f"{folder} cannot have the files of a project: {error.strerror}.") from None
    return made


def remember_entrypoint(folder: Path, flow: str, entrypoint: str) -> None:
    """Keep where a flow is, for who deploys it by its name; not where no project was begun."""
    path = folder / FOLDER / FLOWS_FILE
    # To remember is a comfort, and no reason to fail.
    with suppress(OSError):
        if path.parent.is_dir():
            path.write_text(json.dumps({**_remembered(path), flow: entrypoint}, indent=1), encoding="utf-8")


def entrypoint_of(folder: Path, flow: str) -> str:
    """Return where a flow of this name is that was deployed from here; raises InvalidProject if none was."""
    known = _remembered(folder / FOLDER / FLOWS_FILE)
    if flow not in known:
        raise InvalidProject(
            f"No flow '{flow}' was deployed from here yet, so its place is not known; write `entrypoint:"
            f" path/to/script.py:function`.{did_you_mean(flow, known)}"
        )
    return known[flow]


def _remembered(path: Path) -> dict[str, str]:
    with suppress(OSError, ValueError):
        return {str(flow): str(place) for flow, place in json.loads(path.read_text(encoding="utf-8")).items()}
    return {}


def _steps(recipe: str, folder: Path, given: Mapping[str, str]) -> str:
    fields = RECIPES[recipe].fields(folder)
    for field in given:
        if field not in fields:
            there = f"It has: {', '.join(fields)}." if fields else "It has none."
            raise InvalidProject(f"Recipe '{recipe}' has no field '{field}'.{did_you_mean(field, fields)} {there}")
    fields |= given
    missing = next((field for field, value in fields.items() if not value), None)
    if missing:
        raise InvalidProject(f"Recipe '{recipe}' needs to know its {missing}; add --field {missing}=….")
    return RECIPES[recipe].steps.format(**{field: _quoted(value) for field, value in fields.items()})


def _quoted(text: str) -> str:
    """Return a text as YAML reads it back, whatever it holds; JSON's form of it is one."""
    plain = re.fullmatch(r"[A-Za-z/][\w./-]*", text) and text.lower() not in ("null", "true", "false")
    return text if plain else json.dumps(text)


def _git(folder: Path, *arguments: str) -> str:
    """Ask git about a folder; "" where it has no answer, or is not there."""
    with suppress(OSError):
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=10)
        return "" if done.returncode else done.stdout.strip()
    return ""


def _local_fields(folder: Path) -> dict[str, str]:
    return {"directory": str(folder)}


def _s3_fields(folder: Path) -> dict[str, str]:
    return {"bucket": "", "folder": folder.name}


def _git_fields(folder: Path) -> dict[str, str]:
    # A remote may hold the token it was cloned with, which has no place in a file that is committed.
    repository = re.sub(r"(?<=://)[^/@]*@", "", _git(folder, "remote", "get-url", "origin"))
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    return {"repository": repository, "branch": branch if branch not in ("", "HEAD") else "main"}


_LOCAL = """\
build: null
push: null

# The worker runs the flows in this folder.
pull:
- segue.steps.set_working_directory:
    directory: {directory}
"""

_GIT = """\
build: null
push: null

# The worker clones this repository. A private one: access_token: '{{{{ $GIT_TOKEN }}}}', from the worker's environment.
pull:
- segue.steps.git_clone:
    repository: {repository}
    branch: {branch}
"""

_S3 = """\
build: null

# Deploying brings the code to the bucket, and the worker takes it from there. Both steps are of the package segue_aws.
push:
- segue_aws.steps.push_to_s3:
    bucket: {bucket}
    folder: {folder}

pull:
- segue_aws.steps.pull_from_s3:
    bucket: {bucket}
    folder: {folder}
"""

RECIPES: Mapping[str, Recipe] = {
    "local": Recipe("workers run the flows in this folder", _local_fields, _LOCAL),
    "git": Recipe("workers clone the repository", _git_fields, _GIT),
    "s3": Recipe("workers take the code from a bucket", _s3_fields, _S3),
}
"""The recipes by name."""

_PROJECT = """\
# yaml-language-server: $schema=.segue/segue.schema.json
# What holds for all deployments of this project. The deployments are in deployment.yaml.

name: {name}
segue-version: {version}

# Steps that build, push and pull the code: a function and its arguments each.
{steps}"""

_DEPLOYMENTS = """\
# yaml-language-server: $schema=.segue/segue.schema.json
# The deployments of this project: `segue deploy --all` makes all that have a name.

deployments:
- name: null
  version: null
  tags: []
  description: null
  schedule: {}
  flow_name: null
  entrypoint: null
  parameters: {}
  work_pool:
    name: null
    work_queue_name: null
    job_variables: {}
"""

_IGNORED = """\
# What does not go along when the code of this project is copied; the patterns are git's.
.segueignore

# Python
__pycache__/
*.py[cod]
*$py.class
*.egg-info/
*.egg

# Environments and secrets
.env
.venv
env/
venv/
.python-version

# Tools
.git/
.hg/
.idea/
.vscode/
.mypy_cache/
.pytest_cache/
.ruff_cache/
.ipynb_checkpoints/
.DS_Store
"""
